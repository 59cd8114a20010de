-- parts: names lease wakeups log take head next_lane
-- ARGV[8]: member. ARGV[9]: lease in ms. ARGV[10]: 1 to keep the lane. ARGV[11]: 1 if the other side has answered.
-- ARGV[12]: 1 to lease another lane if this one is given back or empty. ARGV[13]: nonce of its token. ARGV[14]: how many
-- accounts that lane must not belong to, and their names. Then: items that follow from the outcome. Returns the wake-ups, and
-- the next entry or false.
local member, lease = ARGV[8], tonumber(ARGV[9])
redis.call('ZREM', QUEUE .. lane, member)
redis.call('HDEL', MESSAGES .. lane, member)
redis.call('HDEL', STATE .. lane, 'n:' .. member, 'a:' .. member)
local excluded, items = {}, 15 + ARGV[14]
for i = 15, items - 1 do excluded[ARGV[i]] = true end
take(items)
local due, turn, breaker = DUE .. account, TURN .. d, BREAKER .. account
if ARGV[11] == '1' then
  -- The other side answers again: the lanes that waited for it go on.
  if redis.call('DEL', breaker) == 1 then
    redis.call('ZADD', turn, 'LT', now, a)
    waking[d] = true
  end
elseif redis.call('HEXISTS', breaker, 'until') == 1 then
  -- It was given up without a try, so the next message may probe at once.
  redis.call('HSET', breaker, 'until', now .. '')
  redis.call('ZADD', turn, 'LT', now, a)
  waking[d] = true
end
local following = false
local gate = tonumber(redis.call('HGET', GATE .. account, 'until') or 0)
-- A paused account's lane is given back; claim looks at it after the pause.
local paused = gate > now and gate - now < FARTHEST
if ARGV[10] == '1' and not paused then
  following = head(account, a, l, token, 0)
  if following then redis.call('ZADD', due, now + lease, l) end
elseif redis.call('EXISTS', QUEUE .. lane) == 0 then
  redis.call('ZREM', due, l)
  redis.call('DEL', STATE .. lane)
else
  redis.call('HDEL', STATE .. lane, 'owner')
  redis.call('ZADD', due, now, l)
  redis.call('ZADD', turn, 'LT', now, a)
  waking[d] = true
end
if not following and ARGV[12] == '1' then following = next_lane(d, lease, excluded, ARGV[13]) end
return {wakeups(), following}
