-- KEYS: the lock. ARGV: owner, seconds. Returns 1 if the owner has the lock now.
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
