-- First part of every script of the lanes. A script is one atomic round trip, and safe to run twice.
--
-- `due` is schedule, lease and retry timer at once: a lane is ready (now), leased (now + lease) or waiting (now + delay).
--
-- KEYS[1]: the names of broker/keys.py in the order of scripts.py, in one text, because splitting it is cheaper than many
-- keys. A name that ends in a colon is followed by the direction, the account and the lane, with colons between them.
-- ARGV[1]: the latest moment that the caller expects by the server's clock (epoch ms), "" if it knows none; "=" and the
-- present moment in place of the server's clock.
-- A moment is stored as text (now .. ''): as a number, a server may write it with an exponent.
local DUE, TURN, QUEUE, MESSAGES, STATE, SEEN, GATE, BREAKER, WAKEUP, FENCE, SEQUENCE, STATUS, CLOCK, USAGE, AWAKE, NOTICE,
  QUESTION, LEDGER, ROAD, CHAT_KEYS, SENT = string.match(KEYS[1], string.rep('(%S+) ', 20) .. '(%S+)')
-- No wait, lease or pause is longer (ms): what lies further ahead was stored before the clock was put back.
local FARTHEST = 25 * 3600000

-- now: the time of the service, by which every length is measured: the server's clock plus a shift. It never runs backwards.
-- When the server's clock is put back, the shift grows by the same length, so time goes on from the latest stored moment.
-- Then a tenth of the time that passes is taken off the shift. server: the server's clock.
local given, now, server, shift, latest = string.byte(ARGV[1]) == 61, nil, nil, 0, 0
if given then
  now = tonumber(string.sub(ARGV[1], 2))
  server = now
else
  local t = redis.call('TIME')
  server = t[1] * 1000 + math.floor(t[2] / 1000)
  local stored = redis.call('HMGET', CLOCK, 'latest', 'shift')
  latest, shift = tonumber(stored[1] or 0), tonumber(stored[2] or 0)
  now = server + shift
  if now < latest then
    -- After a step of less than a second, time stands still until the clock has caught up.
    if latest - now > 1000 then
      shift = shift + latest - now
      redis.call('HSET', CLOCK, 'shift', string.format('%.0f', shift))
    end
    now = latest
  end
  -- The server's clock was put forward, or another server took over. Nothing may be done by this moment: leases would seem to
  -- be over, and what is stored would lie ahead. The caller corrects the step and asks again.
  if ARGV[1] ~= '' and now > tonumber(ARGV[1]) then return {ok = 'STEPPED'} end
end

-- Store the present moment, unless the one that is stored is younger than this (ms). Scripts that schedule work call it:
-- without work, no moment has to be stored. A long time since the stored one may be a step of the server's clock that nobody
-- has noticed yet, so the shift changes by a second at most.
local function note(grain)
  if given or now - latest < grain then return end
  if shift ~= 0 then
    local part = math.min(math.abs(shift), math.floor((now - latest) / 10), 1000)
    if shift > 0 then part = -part end
    shift = shift + part
    now = now + part
    redis.call('HSET', CLOCK, 'shift', string.format('%.0f', shift))
  end
  latest = now
  redis.call('HSET', CLOCK, 'latest', string.format('%.0f', now))
end
