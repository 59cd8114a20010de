-- KEYS[1]: hash account -> "until state". ARGV: account, most accounts, how long the enquiry may take (s), lifetime of the
-- hash (s). One hash of bounded size, whatever ids come from outside. Returns "" if the caller asks now; otherwise the
-- state, or "full".
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local known = redis.call('HGETALL', KEYS[1])
local count = 0
for i = 1, #known, 2 do
  local till, state = string.match(known[i + 1], '^(%d+) (.+)$')
  -- One that lasts longer than the hash was stored before the server's clock was put back.
  if tonumber(till) <= now or till - now > ARGV[4] * 1000 then
    redis.call('HDEL', KEYS[1], known[i])
  elseif known[i] == ARGV[1] then
    return state
  else
    count = count + 1
  end
end
if count >= tonumber(ARGV[2]) then return 'full' end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now + ARGV[3] * 1000) .. ' asking')
redis.call('EXPIRE', KEYS[1], ARGV[4])
return ''
