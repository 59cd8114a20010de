-- ARGV[2]: how long a wake-up counts as pending (ms).
-- Directions with due work.
local waking = {}

-- Set a mark for some milliseconds. The server's expiry follows its clock, which may be put back, so the mark itself says
-- when it ends.
local function set_mark(key, lasts)
  local ends = string.format('%.0f', now + lasts)
  if given then return redis.call('SET', key, ends) end
  return redis.call('SET', key, ends, 'PX', lasts)
end

-- Set a mark. Return false if it is set already. A mark of 0.1.0 is 1, and ends when the server removes it.
local function mark(key, lasts)
  local ends = tonumber(redis.call('GET', key) or 0)
  if ends > now and ends - now <= tonumber(lasts) or ends == 1 then return false end
  return set_mark(key, lasts)
end

-- The longest time that a worker counts as awake (ms). What lies further ahead was stored before a step of the clock.
local AWAKE_LONGEST = 10000

-- A worker that is awake waits at a list. One value in it is enough, since the worker claims until nothing is due. Return
-- false if none is awake: then a task has to wake one.
local function noticed(direction)
  local ends = tonumber(redis.call('GET', AWAKE .. direction) or 0)
  if ends <= now or ends - now > AWAKE_LONGEST then return false end
  local notice = NOTICE .. direction
  if redis.call('EXISTS', notice) == 0 then redis.call('LPUSH', notice, '') end
  return true
end

-- Return 1 if the caller wakes a worker for a direction: there is due work, no worker is awake, and no
-- wake-up is pending. The workers at rest
-- hear of it as well, and search for due work more often for a while, since the wake-up can be lost.
local function wakeup(direction)
  if not waking[direction] or noticed(direction) or not mark(WAKEUP .. direction, ARGV[2]) then return 0 end
  redis.pcall('PUBLISH', WAKEUP .. direction, '')
  return 1
end

local function wakeups()
  return {wakeup('in'), wakeup('out')}
end
