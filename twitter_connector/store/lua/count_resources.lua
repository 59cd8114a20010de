-- KEYS: the ids that were billed on this day, and the counts of the day. ARGV: kind, the lifetimes of both (s), ids.
-- Counts the ids that were not billed before.
local new = 0
for i = 4, #ARGV do
  new = new + redis.call('SADD', KEYS[1], ARGV[i])
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
if new > 0 then
  redis.call('HINCRBY', KEYS[2], ARGV[1], new)
  redis.call('EXPIRE', KEYS[2], ARGV[3])
end
