-- parts: names wakeups
-- ARGV[4], [5]: direction, account. Waiting lanes become due; leased ones keep their lease. Bounded, because nothing else
-- runs meanwhile: the rest become due when their own wait is over. Returns the wake-ups.
local d, a = ARGV[4], ARGV[5]
local account = d .. ':' .. a
for _, l in ipairs(redis.call('ZRANGEBYSCORE', DUE .. account, '(' .. now, '+inf', 'LIMIT', 0, 5000)) do
  if redis.call('HEXISTS', STATE .. account .. ':' .. l, 'owner') == 0 then
    redis.call('ZADD', DUE .. account, now, l)
    redis.call('ZADD', TURN .. d, 'LT', now, a)
    waking[d] = true
  end
end
return wakeups()
