-- parts: names wakeups log take
-- KEYS[2], KEYS[3]: dead letters and their index. ARGV[4]: id of a dead letter; ARGV[5] on: the entry it becomes.
-- Of two callers only the first moves it. Returns whether it was listed, and the wake-ups.
if redis.call('HDEL', KEYS[2], ARGV[4]) == 0 then return {0, wakeups()} end
redis.call('ZREM', KEYS[3], ARGV[4])
take(5)
return {1, wakeups()}
