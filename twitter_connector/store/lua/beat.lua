-- KEYS: heartbeats, clocks, keys.MEASURED of its machine. ARGV: entry, worker, the seconds by which its clock differs or "",
-- lifetime of those (s), what the worker measured or "", lifetime of that (s).
-- A heartbeat is worthless after seconds. So it goes to the replicas and not into the append-only file, where every write
-- is synced. A server that cannot do that writes it.
pcall(redis.set_repl, redis.REPL_REPLICA or redis.REPL_SLAVE)
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZADD', KEYS[1], string.format('%.6f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, string.format('%.6f', now - 3600))
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
  redis.call('EXPIRE', KEYS[2], ARGV[4])
else
  redis.call('HDEL', KEYS[2], ARGV[2])
end
if ARGV[5] ~= '' then redis.call('SET', KEYS[3], ARGV[5], 'EX', ARGV[6]) end
return 1
