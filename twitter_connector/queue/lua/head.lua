-- Return the first entry of a lane and count it as handed out. Return false if the lane is empty, and remove the lane.
local function head(account, a, l, token, more)
  local lane = account .. ':' .. l
  local state = STATE .. lane
  local member = redis.call('ZRANGE', QUEUE .. lane, 0, 0)[1]
  if not member then
    redis.call('ZREM', DUE .. account, l)
    redis.call('DEL', state)
    return false
  end
  return {a, l, token, member, redis.call('HGET', MESSAGES .. lane, member),
    redis.call('HINCRBY', state, 'n:' .. member, 1), tonumber(redis.call('HGET', state, 'a:' .. member) or 0), more, now}
end
