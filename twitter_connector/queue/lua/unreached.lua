-- parts: names
-- ARGV[4], [5]: direction, account. ARGV[6]: failures in a row before the account is probed. ARGV[7], [8]: first and
-- longest wait between probes (ms). ARGV[9]: how long failures are remembered (ms). Returns the ms until the next probe; 0
-- while the other side counts as reachable.
local key = BREAKER .. ARGV[4] .. ':' .. ARGV[5]
local open = tonumber(redis.call('HGET', key, 'until') or 0)
-- Deliveries that were at work when probing began say nothing new by failing too; only a probe does.
if open > now and redis.call('HDEL', key, 'probe') == 0 then return open - now end
local beyond = redis.call('HINCRBY', key, 'strikes', 1) - ARGV[6]
redis.call('PEXPIRE', key, ARGV[9])
if beyond < 0 then return 0 end
local wait = math.min(tonumber(ARGV[8]), ARGV[7] * 2 ^ math.min(beyond, 10))
redis.call('HSET', key, 'until', now + wait .. '')
return wait
