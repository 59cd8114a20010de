-- ARGV[3]: how long an accepted id is remembered (ms).
-- The UTC day, as the number of days since 1970.
local day = string.format('%.0f', math.floor(now / 86400000))

-- Count one unit of what X bills.
local function bill(key, kind, lifetime)
  redis.call('HINCRBY', key .. ':' .. day, kind, 1)
  redis.call('PEXPIRE', key .. ':' .. day, lifetime)
end

-- Take in the items that start at this argument, in the form of effects.py. Return for each whether it was new.
local function take(i)
  note(250)
  local new, count = {}, #ARGV
  while i <= count do
    local fresh = true
    if ARGV[i] == 'entry' then
      -- billed: the kind of usage that X bills for its delivery, or empty; lasts: how long the counts are kept (ms).
      local d, a, l, id, order, payload, again, billed, lasts, logged = unpack(ARGV, i + 1, i + 10)
      local account = d .. ':' .. a
      local record = account .. ':' .. id
      i = i + 11
      if again ~= '1' then
        local seen = SEEN .. record
        fresh = redis.call('SET', seen, billed == '' and 1 or day, 'NX', 'PX', ARGV[3])
        -- X bills a resource once a day, also where the message was here already, from a look-up or from another day.
        if billed ~= '' then
          if fresh then
            bill(USAGE .. a, billed, lasts)
          elseif redis.call('GET', seen) ~= day then
            redis.call('SET', seen, day, 'KEEPTTL')
            bill(USAGE .. a, billed, lasts)
          end
        end
      end
      if fresh then
        local lane = account .. ':' .. l
        local member = (order ~= '' and order or string.format('~%020.0f', redis.call('INCR', SEQUENCE))) .. '|' .. id
        redis.call('ZADD', QUEUE .. lane, 0, member)
        redis.call('HSET', MESSAGES .. lane, member, now .. ' ' .. payload)
        -- NX: new work never shortens a lease or a wait.
        redis.call('ZADD', DUE .. account, 'NX', now, l)
        -- A paused account is looked at when its pause ends; a wake-up before that would find nothing to do.
        local at = math.max(now, tonumber(redis.call('HGET', GATE .. account, 'until') or 0),
          tonumber(redis.call('HGET', BREAKER .. account, 'until') or 0))
        redis.call('ZADD', TURN .. d, 'LT', at, a)
        if at == now then waking[d] = true end
        -- Only events of X bring an order of their own: note the last arrival, and the newest message of a customer.
        if d == 'in' and order ~= '' then
          local status = STATUS .. a
          -- All orders have one length, so text compares as number. Reports have lanes with a "~".
          if not string.find(l, '~', 1, true) and order > (redis.call('HGET', status, 'last_dm') or '') then
            redis.call('HSET', status, 'last_event_at', now .. '', 'last_dm', order)
          else
            redis.call('HSET', status, 'last_event_at', now .. '')
          end
        end
      end
      if logged == '1' then
        local happened, first, later, lifetime, most = unpack(ARGV, i, i + 4)
        i = i + 5
        if fresh and (again ~= '1' or redis.call('EXISTS', RECORD .. record) == 0) then
          log_begin(record, a, string.match(l, '^[^~]*'), happened, first, lifetime, most)
        else
          log_line(record, '', later, '')
        end
      end
    elseif ARGV[i] == 'line' then
      local record, at, text, lookups, lifetime, if_new = unpack(ARGV, i + 1, i + 6)
      i = i + 7
      fresh = (if_new ~= '1' or new[#new] == 1) and log_line(record, at, text, lookups, lifetime)
    elseif ARGV[i] == 'name' then
      log_name(unpack(ARGV, i + 1, i + 3))
      i = i + 4
    elseif ARGV[i] == 'unlog' then
      log_remove(ARGV[i + 1])
      i = i + 2
    else
      local once, lasts, changes = unpack(ARGV, i + 1, i + 3)
      i = i + 4
      if once ~= '' then fresh = mark(once, lasts) end
      for first = i, i + 6 * (changes - 1), 6 do
        if not fresh then break end
        local operation, key, member, value, lifetime, most = unpack(ARGV, first, first + 5)
        if operation == 'set' then
          redis.call('SET', key, value, 'PX', lifetime)
          lifetime = ''
        elseif operation == 'del' then
          if value == '' or redis.call('GET', key) == value then redis.call('DEL', key) end
        elseif operation == 'hset' then
          redis.call('HSET', key, member, value)
        elseif operation == 'count' then
          bill(key, member, lifetime)
          lifetime = ''
        elseif operation == 'hdel' then
          redis.call('HDEL', key, member)
        elseif operation == 'zadd' then
          redis.call('ZADD', key, value == '' and now or value, member)
          if most ~= '' then redis.call('ZREMRANGEBYRANK', key, 0, -1 - most) end
        elseif operation == 'lpush' or operation == 'lpush_at' then
          redis.call('LPUSH', key, operation == 'lpush' and value or now .. ' ' .. value)
          if most ~= '' then redis.call('LTRIM', key, 0, most - 1) end
        else
          error('unknown operation ' .. operation)
        end
        if lifetime ~= '' then redis.call('PEXPIRE', key, given and lifetime + 3600000 or lifetime) end
      end
      i = i + 6 * changes
    end
    new[#new + 1] = fresh and 1 or 0
  end
  return new
end
