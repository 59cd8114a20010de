-- parts: names wakeups due
-- Does what wake_if_due does, for both directions at once. Returns for each 1 if the caller wakes a worker, the ms until an
-- account is looked at next (0 for now, -1 for never), and what moment.lua returns.
local wake_in, next_in = due('in')
local wake_out, next_out = due('out')
local next = next_in < 0 and next_out or next_out < 0 and next_in or math.min(next_in, next_out)
return {
  wake_in and 1 or 0, wake_out and 1 or 0, math.ceil(next),
  string.format('%.0f', now), string.format('%.0f', server), redis.call('HGET', CLOCK, 'steps') or '0',
}
