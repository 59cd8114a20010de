-- parts: names
-- ARGV[4]: by how much the server's clock was put forward (ms). ARGV[5]: how many such steps were corrected before. ARGV[6]:
-- the time of the service before the step (epoch ms). Takes the step out of the time of the service, which never gets
-- behind the moment before: the clock may have been put back meanwhile. Of several workers that notice a step only the first
-- corrects it. Returns whether this one did.
local step, before = tonumber(ARGV[4]), tonumber(ARGV[6])
if (redis.call('HGET', CLOCK, 'steps') or '0') ~= ARGV[5] then return 0 end
redis.call('HINCRBY', CLOCK, 'steps', 1)
local corrected = math.max(now - step, before)
redis.call('HSET', CLOCK, 'shift', string.format('%.0f', shift + corrected - now), 'latest', string.format('%.0f', corrected))
-- Moments that were stored since the step are too late by its length. They begin a second earlier than the step says, see
-- note. Bounded, because nothing else runs meanwhile.
local from = before + step - 1000
local function pull_in(key)
  local moved = redis.call('ZRANGEBYSCORE', key, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 5000)
  for i = 1, #moved, 2 do
    redis.call('ZADD', key, string.format('%.0f', moved[i + 1] - step), moved[i])
  end
end
for _, d in ipairs({'in', 'out'}) do
  for _, a in ipairs(redis.call('ZRANGE', TURN .. d, 0, 999)) do
    local account = d .. ':' .. a
    pull_in(DUE .. account)
    local probe = tonumber(redis.call('HGET', BREAKER .. account, 'until') or 0)
    if probe >= from then redis.call('HSET', BREAKER .. account, 'until', string.format('%.0f', probe - step)) end
    local pause = redis.call('HMGET', GATE .. account, 'until', 'since')
    if tonumber(pause[2] or 0) >= from then
      redis.call('HSET', GATE .. account, 'until', string.format('%.0f', pause[1] - step), 'since', string.format('%.0f', pause[2] - step))
    end
  end
  pull_in(TURN .. d)
end
return 1
