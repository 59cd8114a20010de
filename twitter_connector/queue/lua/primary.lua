-- KEYS: the mark of the server that took writes last, the list of failovers, the clock of names.lua.
-- ARGV[1]: how long a failover matters (ms). ARGV[2]: how many are kept. ARGV[3]: the time of the service as the caller knows
-- it (epoch ms), "" if it does not.
-- Runs on each new connection before anything is stored, since the clock shows how far this server's data goes. Returns the
-- failovers, newest first: "since until" in epoch ms by the time of the service. Records stored between the two may be lost.
local info = redis.pcall('INFO', 'replication')
-- This user may not ask, or the server does not say.
if type(info) ~= 'string' then return {} end
local id, former = string.match(info, 'master_replid:(%x+)'), string.match(info, 'master_replid2:(%x+)')
if not id then return {} end
local seen = redis.call('GET', KEYS[1])
if seen ~= id then
  redis.call('SET', KEYS[1], id)
  -- Only a server that was a replica has the id of a former primary. One that was restarted has none.
  if seen and former and string.find(former, '[^0]') then
    local t = redis.call('TIME')
    local server = t[1] * 1000 + math.floor(t[2] / 1000)
    local clock = redis.call('HMGET', KEYS[3], 'latest', 'shift')
    local now = tonumber(ARGV[3]) or server + tonumber(clock[2] or 0)
    local since = tonumber(clock[1] or now)
    -- What was stored last can be younger than the stored moment by the grain of take.lua.
    now = math.max(now, since + 250)
    -- The shift belongs to the clock of the former primary. With this server's own, time goes on where it was.
    redis.call('HSET', KEYS[3], 'latest', string.format('%.0f', now), 'shift', string.format('%.0f', now - server))
    redis.call('LPUSH', KEYS[2], string.format('%.0f %.0f', since, now))
    redis.call('LTRIM', KEYS[2], 0, ARGV[2] - 1)
    redis.call('PEXPIRE', KEYS[2], ARGV[1])
  end
end
local rows = redis.call('LRANGE', KEYS[2], 0, -1)
-- A caller that knew no time may have stored a row while this server's clock was ahead.
for place, row in ipairs(rows) do
  local since, ends = string.match(row, '^(%d+) (%d+)$')
  if ends and ARGV[3] ~= '' and ends - ARGV[3] > 1000 then
    rows[place] = since .. ' ' .. ARGV[3]
    redis.call('LSET', KEYS[2], place - 1, rows[place])
  end
end
return rows
