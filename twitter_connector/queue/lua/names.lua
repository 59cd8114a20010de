-- First part of every script of the lanes. A script is one atomic round trip, and safe to run twice.
--
-- `due` is schedule, lease and retry timer at once: a lane is ready (now), leased (now + lease) or waiting (now + delay).
--
-- KEYS[1]: the names of broker/keys.py in the order of scripts.py, in one text, because splitting it is cheaper than twelve
-- keys. A name that ends in a colon is followed by the direction, the account and the lane, with colons between them.
-- ARGV[1]: the present moment in epoch ms; "" for the server's clock.
-- A moment is stored as text (now .. ''): as a number, a server may write it with an exponent.
local DUE, TURN, QUEUE, MESSAGES, STATE, SEEN, GATE, BREAKER, WAKEUP, FENCE, SEQUENCE, STATUS = string.match(KEYS[1],
  '(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)')
local given, now = ARGV[1] ~= '', nil
if given then
  now = tonumber(ARGV[1])
else
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
