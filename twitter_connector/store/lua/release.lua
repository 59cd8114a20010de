-- KEYS[1]: a lock. ARGV[1]: the token of its owner. ARGV[2]: 0 if the lock is not in the append-only file. Removes the lock if
-- it still has this token.
if ARGV[2] == '0' then pcall(redis.set_repl, redis.REPL_REPLICA or redis.REPL_SLAVE) end
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
