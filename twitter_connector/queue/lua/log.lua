-- The message log. The last key: its names, as in names.lua. A record is a text of lines, "moment event name=value ...", and
-- expires by itself. The index contains "record customer" by the moment at which the message was written. queue/log_record.py
-- reads the lines. Each command that writes costs far more than one that reads, so there are two for a new message.
local INDEX, RECORD, LOOKUP, LOG_ACCOUNTS, LOG_NAMES = string.match(KEYS[#KEYS], '(%S+) (%S+) (%S+) (%S+) (%S+)')
-- A record has at most so many lines. Beyond that, the line behind the first ones is dropped.
local LINES_MAX, FIRST_LINES = 11, 4
-- One message in so many removes what is too old or too much, and at most four times as many messages as that.
local TIDY_EVERY = 8

local function until_gone(lifetime) return given and lifetime + 3600000 or lifetime end

-- Remove a message: "record customer".
local function log_remove(member)
  local record = string.match(member, '^(.*) ')
  for name, id in string.gmatch(redis.call('GET', RECORD .. record) or '', ' (%a+)=(%S+)') do
    if name == 'x' or name == 'cim' or name == 'dead' then redis.call('DEL', LOOKUP .. id) end
  end
  redis.call('DEL', RECORD .. record)
  redis.call('ZREM', INDEX, member)
end

-- Add a line to a record, if there is one. at: epoch ms, '' for now. lookups: ids by which the record can be found from now
-- on, with spaces between them. Return whether there was a record.
local function log_line(record, at, text, lookups, lifetime)
  local key = RECORD .. record
  local lines = redis.call('GET', key)
  if not lines then return false end
  if select(2, string.gsub(lines, '\n', '')) >= LINES_MAX - 1 then
    local first = '^' .. string.rep('[^\n]*\n', FIRST_LINES)
    local ends = select(2, string.find(lines, first))
    lines = string.sub(lines, 1, ends) .. string.gsub(string.sub(lines, ends + 1), '^[^\n]*\n', '')
  end
  redis.call('SET', key, lines .. '\n' .. (at == '' and now or at) .. ' ' .. text, 'KEEPTTL')
  for id in string.gmatch(lookups, '%S+') do redis.call('SET', LOOKUP .. id, record, 'PX', until_gone(lifetime)) end
  return true
end

-- Begin a record. happened: when the message was written (epoch ms), 0 if that is not known. most: size of the whole log.
local function log_begin(record, account, customer, happened, text, lifetime, most)
  happened, lifetime = tonumber(happened), tonumber(lifetime)
  redis.call('SET', RECORD .. record, now .. ' ' .. text .. ' of=' .. customer, 'PX', until_gone(lifetime))
  -- The clock of the other side may be wrong.
  if happened > now or happened < now - lifetime then happened = now end
  redis.call('ZADD', INDEX, happened, record .. ' ' .. customer)
  local stale = redis.call('PTTL', INDEX) < lifetime or not redis.call('ZSCORE', LOG_ACCOUNTS, account)
  if stale then
    redis.call('PEXPIRE', INDEX, until_gone(lifetime + 60000))
    redis.call('ZADD', LOG_ACCOUNTS, now, account)
    redis.call('ZREMRANGEBYSCORE', LOG_ACCOUNTS, '-inf', now - lifetime)
    redis.call('PEXPIRE', LOG_ACCOUNTS, until_gone(lifetime + 60000))
  elseif now % TIDY_EVERY ~= 0 then
    return
  end
  local surplus = math.min(redis.call('ZCARD', INDEX) - most, 4 * TIDY_EVERY)
  local old = surplus > 0 and redis.call('ZRANGE', INDEX, 0, surplus - 1)
    or redis.call('ZRANGEBYSCORE', INDEX, '-inf', now - lifetime, 'LIMIT', 0, 4 * TIDY_EVERY)
  for _, member in ipairs(old) do log_remove(member) end
end

-- Note a screen name: "name customer". Once a day is enough.
local function log_name(member, lifetime, most)
  local seen = redis.call('ZSCORE', LOG_NAMES, member)
  if seen and now - seen < 86400000 then return end
  redis.call('ZADD', LOG_NAMES, now, member)
  redis.call('PEXPIRE', LOG_NAMES, until_gone(tonumber(lifetime)))
  local surplus = redis.call('ZCARD', LOG_NAMES) - most
  local old = surplus > 0 and redis.call('ZRANGE', LOG_NAMES, 0, 1)
    or redis.call('ZRANGEBYSCORE', LOG_NAMES, '-inf', now - lifetime, 'LIMIT', 0, 8)
  for _, name in ipairs(old) do redis.call('ZREM', LOG_NAMES, name) end
end
