"""The Lua scripts behind the lanes. Each is one atomic round trip, and safe to run twice.

`due` is schedule, lease and retry timer at once: a lane is ready (now), leased (now + lease) or waiting
(now + delay). One clock, the server's. The names of the keys are those of keys.py.
"""

from __future__ import annotations

from twitter_connector.broker import keys

_LIBRARY = f"""
local P='{keys.PREFIX}'
local t=redis.call('TIME'); local now=t[1]*1000+math.floor(t[2]/1000)
local rings={{}}
local function path(kind,d,a,l) return P..kind..':'..d..':'..a..':'..l end

local function put(d,a,l,id,order,payload)
  if order=='' then order=string.format('~%020.0f',redis.call('INCR',P..'seq')) end
  local member=order..'|'..id
  redis.call('ZADD',path('q',d,a,l),0,member)
  redis.call('HSET',path('m',d,a,l),member,string.format('%.0f',now)..' '..payload)
  -- NX: new work never cuts a lease or a wait short.
  redis.call('ZADD',P..'due:'..d..':'..a,'NX',now,l)
  -- An account that has to wait is looked at when the wait is over; a bell would wake somebody for nothing.
  local at=math.max(now,tonumber(redis.call('HGET',P..'gate:'..d..':'..a,'until') or 0),
    tonumber(redis.call('HGET',P..'brk:'..d..':'..a,'until') or 0))
  redis.call('ZADD',P..'turn:'..d,'LT',at,a)
  if at==now then rings[d]=true end
end

-- Eight arguments an item: kind, account, lane, id, order, payload, again, number. Says which were new.
local function take(first)
  local new={{}}
  for i=first,#ARGV,8 do
    local kind,a,l,id,order,payload,again,number=unpack(ARGV,i,i+7)
    local fresh=1
    if kind=='flash' then
      fresh=redis.call('SET',P..'flash:'..order..':'..a..':'..l,1,'NX','PX',{keys.TYPING_MS}) and 1 or 0
    elseif again~='1' then
      if not redis.call('SET',P..'seen:'..kind..':'..a..':'..id,1,'NX','EX',{keys.SEEN_SECONDS}) then fresh=0 end
    end
    if fresh==1 then
      if kind=='echo' then
        local key=P..'echo:'..a..':'..l
        redis.call('LPUSH',key,payload)
        redis.call('LTRIM',key,0,{keys.ECHOES_PER_CUSTOMER - 1})
        redis.call('EXPIRE',key,{keys.ECHO_SECONDS})
      elseif kind=='flash' then
        redis.call('LPUSH',P..'flashes',string.format('%.0f',now)..' '..payload)
        redis.call('LTRIM',P..'flashes',0,{keys.TYPING_MAX - 1})
        redis.call('PEXPIRE',P..'flashes',{keys.TYPING_MS})
      elseif kind=='link' then
        redis.call('SET',P..'link:'..a..':'..id,payload,'EX',{keys.SENT_SECONDS})
      elseif kind=='closed' then
        redis.call('DEL',P..'question:'..a..':'..l)
      elseif kind=='unquote' then
        redis.call('HDEL',P..'ledger:'..a..':'..id,'{keys.LEDGER_QUOTE}')
      elseif kind=='dead' then
        redis.call('HSET',P..'dead:letters',id,payload)
        redis.call('ZADD',P..'dead',number,id)
      else
        put(kind,a,l,id,order,payload)
        -- Only what Twitter sent brings its own order.
        if kind=='in' and order~='' then
          local signs=P..'signs:'..a
          local at=string.format('%.0f',now)
          -- Up to where the customers' messages are known; all orders have one length, so text compares as number.
          if not string.find(l,'~',1,true) and order>(redis.call('HGET',signs,'last_dm') or '') then
            redis.call('HSET',signs,'last_event_at',at,'last_dm',order)
          else
            redis.call('HSET',signs,'last_event_at',at)
          end
        end
      end
    end
    new[#new+1]=fresh
  end
  return new
end

-- Which doorbells the caller should ring: one is enough until somebody has answered it.
local function bells()
  local r={{}}
  for _,d in ipairs({{'in','out'}}) do
    r[#r+1]=(rings[d] and redis.call('SET',P..'bell:'..d,1,'NX','PX',{keys.WAKEUP_MS})) and 1 or 0
  end
  return r
end

-- The first message of a lane, counted as handed out; false when there is none, and then nothing stays behind.
local function head(d,a,l,tok,more)
  local q,m,st=path('q',d,a,l),path('m',d,a,l),path('st',d,a,l)
  local member=redis.call('ZRANGE',q,0,0)[1]
  if not member then
    redis.call('ZREM',P..'due:'..d..':'..a,l); redis.call('DEL',st)
    return false
  end
  return {{a,l,tok,member,redis.call('HGET',m,member),
    redis.call('HINCRBY',st,'n:'..member,1),tonumber(redis.call('HGET',st,'a:'..member) or 0),more}}
end
"""

# Arguments 1 to 4 name the lane and the token. Somebody else may hold the lane by now.
_OWNED = """
local d,a,l,tok=ARGV[1],ARGV[2],ARGV[3],ARGV[4]
if redis.call('HGET',path('st',d,a,l),'owner')~=tok then return -1 end
"""

ACCEPT = _LIBRARY + "local new=take(1); return {new,bells()}"

# id of a dead letter, then the entry it becomes: off the list and into its lane in one step, by whoever is first.
REVIVE = (
    _LIBRARY
    + """
if redis.call('HDEL',P..'dead:letters',ARGV[1])==0 then return {0,bells()} end
redis.call('ZREM',P..'dead',ARGV[1])
take(2)
return {1,bells()}
"""
)

CLAIM = (
    _LIBRARY
    + """
local d,lease=ARGV[1],tonumber(ARGV[2])
local excluded={}; for i=3,#ARGV do excluded[ARGV[i]]=true end
local accounts=redis.call('ZRANGEBYSCORE',P..'turn:'..d,'-inf',now,'LIMIT',0,200)
local turn=P..'turn:'..d
for n,a in ipairs(accounts) do
  if not excluded[a] then
    local brk=P..'brk:'..d..':'..a
    local probe=tonumber(redis.call('HGET',brk,'until') or 0)
    local gate=math.max(probe,tonumber(redis.call('HGET',P..'gate:'..d..':'..a,'until') or 0))
    if gate>now then
      redis.call('ZADD',turn,gate,a)
    else
      local due=P..'due:'..d..':'..a
      while true do
        local r=redis.call('ZRANGE',due,0,0,'WITHSCORES')
        if not r[1] then redis.call('ZREM',turn,a); break end
        if tonumber(r[2])>now then redis.call('ZADD',turn,r[2],a); break end
        local tok=string.format('%.0f',redis.call('INCR',P..'fence'))
        redis.call('HSET',path('st',d,a,r[1]),'owner',tok)
        local others=redis.call('ZCOUNT',due,'-inf',now)-1
        local h=head(d,a,r[1],tok,(others>0 or n<#accounts) and 1 or 0)
        if h then
          redis.call('ZADD',due,now+lease,r[1])
          -- Half open: this one probes, the others wait for its outcome.
          if probe>0 then redis.call('HSET',brk,'until',string.format('%.0f',now+lease),'probe','1') end
          -- Behind the other accounts that are due: one with many lanes does not starve one with few.
          redis.call('ZADD',turn,now,a)
          return h
        end
      end
    end
  end
end
local r=redis.call('ZRANGE',turn,0,0,'WITHSCORES')
if not r[1] then return -1 end
return math.max(0,tonumber(r[2])-now)
"""
)

# d a l tok member lease keep answered, then what follows from the outcome (reports, a dead letter), all in one step.
SETTLE = (
    _LIBRARY
    + _OWNED
    + """
local member,lease,keep=ARGV[5],tonumber(ARGV[6]),ARGV[7]
local q,m,st=path('q',d,a,l),path('m',d,a,l),path('st',d,a,l)
redis.call('ZREM',q,member); redis.call('HDEL',m,member); redis.call('HDEL',st,'n:'..member,'a:'..member)
take(9)
local nxt=false
local due=P..'due:'..d..':'..a
-- The other side has answered: whoever waited for that goes on.
local brk=P..'brk:'..d..':'..a
local silent=redis.call('HEXISTS',brk,'until')==1
if ARGV[8]=='1' then
  if redis.call('DEL',brk)==1 then redis.call('ZADD',P..'turn:'..d,'LT',now,a); rings[d]=true end
elseif silent then
  -- Given up without being tried, so the next one may probe at once.
  redis.call('HSET',brk,'until',string.format('%.0f',now)); redis.call('ZADD',P..'turn:'..d,'LT',now,a); rings[d]=true
end
if keep=='1' then
  nxt=head(d,a,l,tok,0)
  if nxt then redis.call('ZADD',due,now+lease,l) end
elseif redis.call('EXISTS',q)==0 then
  redis.call('ZREM',due,l); redis.call('DEL',st)
else
  redis.call('HDEL',st,'owner'); redis.call('ZADD',due,now,l)
  redis.call('ZADD',P..'turn:'..d,'LT',now,a); rings[d]=true
end
return {bells(),nxt}
"""
)

# d a l tok member delay spend, then items to take in (a report that something is delayed, say)
POSTPONE = (
    _LIBRARY
    + _OWNED
    + """
local st,member=path('st',d,a,l),ARGV[5]
if ARGV[7]=='1' then redis.call('HINCRBY',st,'a:'..member,1) end
redis.call('HDEL',st,'owner','n:'..member)
local at=now+tonumber(ARGV[6])
redis.call('ZADD',P..'due:'..d..':'..a,at,l)
redis.call('ZADD',P..'turn:'..d,'LT',at,a)
return 1
"""
)

# direction account: the other side could not be reached. Answers ms until it is probed; 0 while it counts as there.
UNREACHED = (
    _LIBRARY
    + f"""
local key=P..'brk:'..ARGV[1]..':'..ARGV[2]
local open=tonumber(redis.call('HGET',key,'until') or 0)
-- Those that were at work when it opened say nothing new by failing too; only a probe does.
if open>now and redis.call('HDEL',key,'probe')==0 then return open-now end
local n=redis.call('HINCRBY',key,'strikes',1)
redis.call('EXPIRE',key,3600)
if n<{keys.BREAKER_STRIKES} then return 0 end
local wait=math.min({keys.PROBE_LONGEST_MS},{keys.PROBE_FIRST_MS}*2^math.min(n-{keys.BREAKER_STRIKES},10))
redis.call('HSET',key,'until',string.format('%.0f',now+wait))
return wait
"""
)

RENEW = _LIBRARY + _OWNED + "redis.call('ZADD',P..'due:'..d..':'..a,now+tonumber(ARGV[5]),l); return 1"

# d a l tok, ledger id, step, value: written only by the holder, before it acts.
INTEND = (
    _LIBRARY
    + _OWNED
    + f"""
local key=P..'ledger:'..a..':'..ARGV[5]
redis.call('HSET',key,ARGV[6],ARGV[7]); redis.call('EXPIRE',key,{keys.LEDGER_SECONDS}); return 1
"""
)

# direction account until reason detail: the account waits until then.
PAUSE = (
    _LIBRARY
    + """
local key=P..'gate:'..ARGV[1]..':'..ARGV[2]
redis.call('HSET',key,'until',ARGV[3],'reason',ARGV[4],'detail',ARGV[5],'since',string.format('%.0f',now))
redis.call('PEXPIREAT',key,ARGV[3])
return 1
"""
)

RESUME = (
    _LIBRARY
    + """
redis.call('DEL',P..'gate:'..ARGV[1]..':'..ARGV[2])
if redis.call('EXISTS',P..'due:'..ARGV[1]..':'..ARGV[2])==1 then
  redis.call('ZADD',P..'turn:'..ARGV[1],now,ARGV[2]); rings[ARGV[1]]=true
end
return bells()
"""
)

# direction account: lanes that wait are due now; those that somebody holds stay theirs. Bounded, since nothing else
# runs meanwhile; the rest come when their own wait is over.
END_WAITS = (
    _LIBRARY
    + """
local d,a=ARGV[1],ARGV[2]
local due=P..'due:'..d..':'..a
for _,l in ipairs(redis.call('ZRANGEBYSCORE',due,string.format('(%.0f',now),'+inf','LIMIT',0,5000)) do
  if redis.call('HEXISTS',path('st',d,a,l),'owner')==0 then
    redis.call('ZADD',due,now,l); redis.call('ZADD',P..'turn:'..d,'LT',now,a); rings[d]=true
  end
end
return bells()
"""
)

# direction: is anything due, and should a bell be rung for it?
CLAIM_WAKEUP = (
    _LIBRARY
    + """
local r=redis.call('ZRANGE',P..'turn:'..ARGV[1],0,0,'WITHSCORES')
if not r[1] or tonumber(r[2])>now then return 0 end
return redis.call('SET',P..'bell:'..ARGV[1],1,'NX','PX',ARGV[2]) and 1 or 0
"""
)

# Everything that flashed lately, oldest first; what is older than the mark's life is worth nothing any more.
TYPING_INDICATORS = (
    _LIBRARY
    + f"""
local r={{}}
for _,row in ipairs(redis.call('LRANGE',P..'flashes',0,-1)) do
  local gap=string.find(row,' ',1,true)
  if now-tonumber(string.sub(row,1,gap-1))<={keys.TYPING_MS} then table.insert(r,1,string.sub(row,gap+1)) end
end
redis.call('DEL',P..'flashes')
return r
"""
)
