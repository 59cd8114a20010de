-- parts: names wakeups
-- ARGV[4]: direction. Returns 1 if an account is due and no wake-up is pending: the caller sends one.
local first = redis.call('ZRANGE', TURN .. ARGV[4], 0, 0, 'WITHSCORES')
if not first[1] then return 0 end
note(2000)
local last = redis.call('ZRANGE', TURN .. ARGV[4], -1, -1, 'WITHSCORES')
if tonumber(last[2]) - now > FARTHEST then
  redis.call('ZADD', TURN .. ARGV[4], now, last[1])
elseif tonumber(first[2]) > now then
  return 0
end
return mark(WAKEUP .. ARGV[4], ARGV[2]) and 1 or 0
