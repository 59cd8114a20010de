-- parts: names lease wakeups log take
-- ARGV[8]: member. ARGV[9]: delay in ms. ARGV[10]: 1 to count a try. ARGV[11] on: items to take in. Returns the wake-ups.
local member = ARGV[8]
if ARGV[10] == '1' then redis.call('HINCRBY', STATE .. lane, 'a:' .. member, 1) end
redis.call('HDEL', STATE .. lane, 'owner', 'n:' .. member)
take(11)
local at = now + tonumber(ARGV[9])
redis.call('ZADD', DUE .. account, at, l)
redis.call('ZADD', TURN .. d, 'LT', at, a)
return wakeups()
