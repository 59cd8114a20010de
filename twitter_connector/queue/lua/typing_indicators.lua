-- parts: names
-- KEYS[2]: the typing indicators, newest first. ARGV[4]: how long one is of use (ms). Returns those, oldest first, and
-- removes all.
local found = {}
for _, row in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  local moment, payload = string.match(row, '^(%d+) (.*)$')
  if now - tonumber(moment) <= tonumber(ARGV[4]) then table.insert(found, 1, payload) end
end
redis.call('DEL', KEYS[2])
return found
