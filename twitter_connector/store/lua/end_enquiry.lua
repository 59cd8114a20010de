-- KEYS[1]: hash account -> "until state". ARGV: account, state, how long it is remembered (s), lifetime of the hash (s).
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now + ARGV[3] * 1000) .. ' ' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
