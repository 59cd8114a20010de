-- parts: names wakeups
-- ARGV[4], [5], [6]: direction, account, lane. ARGV[7]: when the caller saw it due (epoch ms): a lane that a worker has taken
-- since then is left alone. The lane becomes the first of its account, so where the other side cannot be reached, it is the
-- one that probes. Returns 1 if it is due now, otherwise 0, and the wake-ups.
local d, l = ARGV[4], ARGV[6]
local account = d .. ':' .. ARGV[5]
local at = tonumber(redis.call('ZSCORE', DUE .. account, l))
if at ~= tonumber(ARGV[7]) or redis.call('HEXISTS', STATE .. account .. ':' .. l, 'owner') == 1 then return {0, wakeups()} end
local first = tonumber(redis.call('ZRANGE', DUE .. account, 0, 0, 'WITHSCORES')[2])
redis.call('ZADD', DUE .. account, string.format('%.0f', math.min(now, first - 1)), l)
redis.call('ZADD', TURN .. d, 'LT', now, ARGV[5])
local breaker = BREAKER .. account
if redis.call('HEXISTS', breaker, 'until') == 1 and redis.call('HEXISTS', breaker, 'probe') == 0 then
  redis.call('HSET', breaker, 'until', now .. '')
end
waking[d] = true
return {1, wakeups()}
