-- KEYS: the lock. ARGV: owner, seconds, 0 to keep the lock out of the append-only file. Returns 1 if the owner has the lock now.
local owner = redis.call('GET', KEYS[1])
-- A lock that lasts longer than asked for was taken before the server's clock was put back, and does not count any more.
if owner and owner ~= ARGV[1] and redis.call('PTTL', KEYS[1]) <= ARGV[2] * 1000 then
  return 0
end
if ARGV[3] == '0' then pcall(redis.set_repl, redis.REPL_REPLICA or redis.REPL_SLAVE) end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
