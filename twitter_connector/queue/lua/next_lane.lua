-- Lease the next due lane of a direction and return its head, or false if none is due. excluded: accounts, by name. nonce: makes
-- the lease's token unique, since a new primary may count numbers again that its predecessor gave.
local function next_lane(d, lease, excluded, nonce)
  local turn = TURN .. d
  note(250)
  -- Mostly the first account has a lane for the caller. Reading 200 names costs as much as the rest of the script.
  for _, limit in ipairs({4, 200}) do
    local accounts = redis.call('ZRANGEBYSCORE', turn, '-inf', now, 'LIMIT', 0, limit)
    for n, a in ipairs(accounts) do
      if not excluded[a] then
        local account = d .. ':' .. a
        local breaker = BREAKER .. account
        local probe = tonumber(redis.call('HGET', breaker, 'until') or 0)
        local gate = math.max(probe, tonumber(redis.call('HGET', GATE .. account, 'until') or 0))
        if gate > now and gate - now < FARTHEST then
          redis.call('ZADD', turn, gate, a)
        else
          local due = DUE .. account
          while true do
            local first = redis.call('ZRANGE', due, 0, 0, 'WITHSCORES')
            local l = first[1]
            if not l then redis.call('ZREM', turn, a); break end
            local wait = tonumber(first[2]) - now
            if wait > 0 and wait < FARTHEST then redis.call('ZADD', turn, first[2], a); break end
            local token = redis.call('INCR', FENCE) .. ':' .. nonce
            redis.call('HSET', STATE .. account .. ':' .. l, 'owner', token)
            local others = redis.call('ZCOUNT', due, '-inf', now) - 1
            local entry = head(account, a, l, token, (others > 0 or n < #accounts) and 1 or 0)
            if entry then
              redis.call('ZADD', due, now + lease, l)
              -- Half open: this one probes, the others wait for its outcome.
              if probe > 0 then redis.call('HSET', breaker, 'until', now + lease .. '', 'probe', '1') end
              -- Behind the other accounts that are due: one with many lanes does not starve one with few.
              redis.call('ZADD', turn, now, a)
              return entry
            end
          end
        end
      end
    end
    if #accounts < limit then return false end
  end
  return false
end
