-- ARGV[2]: how long a wake-up counts as pending (ms).
-- Directions with due work.
local waking = {}

-- Set a mark for some milliseconds. Return false if it is set already.
local function mark(key, lasts)
  if not given then return redis.call('SET', key, 1, 'NX', 'PX', lasts) end
  -- The server's expiry follows the server's clock, so the mark itself says when it ends.
  if tonumber(redis.call('GET', key) or 0) > now then return false end
  return redis.call('SET', key, now + lasts)
end

-- Return for each direction whether the caller wakes a worker: due work, and no wake-up pending.
local function wakeups()
  return {
    waking['in'] and mark(WAKEUP .. 'in', ARGV[2]) and 1 or 0,
    waking['out'] and mark(WAKEUP .. 'out', ARGV[2]) and 1 or 0,
  }
end
