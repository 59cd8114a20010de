-- Return whether work of this direction is due and no wake-up for it is pending (the caller sends one), and the ms until an
-- account is looked at next: 0 for now, -1 for never.
local function due(direction, by_task)
  local first = redis.call('ZRANGE', TURN .. direction, 0, 0, 'WITHSCORES')
  if not first[1] then return false, -1 end
  note(2000)
  local last = redis.call('ZRANGE', TURN .. direction, -1, -1, 'WITHSCORES')
  if tonumber(last[2]) - now > FARTHEST then
    redis.call('ZADD', TURN .. direction, now, last[1])
  elseif tonumber(first[2]) > now then
    return false, tonumber(first[2]) - now
  end
  return (by_task or not noticed(direction)) and mark(WAKEUP .. direction, ARGV[2]), 0
end
