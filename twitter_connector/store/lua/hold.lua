-- KEYS: the lock. ARGV: owner, seconds, 0 to keep the lock out of the append-only file. Returns 1 if the owner has the lock now.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return 0
end
if ARGV[3] == '0' then pcall(redis.set_repl, redis.REPL_REPLICA or redis.REPL_SLAVE) end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
