-- KEYS[1]: a lock. ARGV[1]: its holder. Removes the lock if it is still this holder's.
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
