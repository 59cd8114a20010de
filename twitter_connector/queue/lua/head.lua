-- Return the first entry of a lane and count it as handed out, with what its worker would read next: the open question of the
-- customer ('' for none), the send ledger of a reply, the way by which the customer wrote last ('' for none), 1 if the account has keys
-- of X Chat, and how far the customer has read ('' for nothing); false where they are not read. Return false if the lane is empty, and
-- remove the lane.
local function head(account, a, l, token, more)
  local lane = account .. ':' .. l
  local state = STATE .. lane
  local member = redis.call('ZRANGE', QUEUE .. lane, 0, 0)[1]
  if not member then
    redis.call('ZREM', DUE .. account, l)
    redis.call('DEL', state)
    return false
  end
  local question, ledger, road, chat_keys, read = false, false, false, false, false
  if not string.find(l, '~', 1, true) then
    question = redis.call('GET', QUESTION .. a .. ':' .. l) or ''
    road = redis.call('ZRANGE', ROAD .. a .. ':' .. l, -1, -1)[1] or ''
    chat_keys = redis.call('HEXISTS', CHAT_KEYS, a)
    -- In the name of a ledger, ids with other characters are quoted.
    local id = string.match(member, '^[^|]*|([%w._~-]+)$')
    if id and string.sub(account, 1, 4) == 'out:' then ledger = redis.call('HGETALL', LEDGER .. a .. ':' .. id) end
  elseif string.sub(l, -8) == '~reports' then
    read = redis.call('GET', SENT .. a .. ':' .. string.sub(l, 1, -9) .. ':read') or ''
  end
  return {a, l, token, member, redis.call('HGET', MESSAGES .. lane, member), redis.call('HINCRBY', state, 'n:' .. member, 1),
    tonumber(redis.call('HGET', state, 'a:' .. member) or 0), more, now, question, ledger,
    road, chat_keys, read}
end
