-- parts: names wakeups
-- ARGV[4], [5]: direction, account. Returns the wake-ups.
local d, a = ARGV[4], ARGV[5]
redis.call('DEL', GATE .. d .. ':' .. a)
if redis.call('EXISTS', DUE .. d .. ':' .. a) == 1 then
  redis.call('ZADD', TURN .. d, now, a)
  waking[d] = true
end
return wakeups()
