-- KEYS: an app's window. ARGV: the field of an account, limit, remaining, and in epoch ms reset and the present moment.
local reset = tonumber(redis.call('HGET', KEYS[1], 'reset') or 0)
if reset <= tonumber(ARGV[5]) then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'began', ARGV[5], 'reset', ARGV[4])
  redis.call('PEXPIRE', KEYS[1], math.max(1000, ARGV[4] - ARGV[5]))
end
redis.call('HSET', KEYS[1], 'limit', ARGV[2], 'remaining', ARGV[3])
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
