-- parts: names wakeups
-- ARGV[4]: direction. Returns 1 if an account is due and no wake-up is pending: the caller sends one.
local first = redis.call('ZRANGE', TURN .. ARGV[4], 0, 0, 'WITHSCORES')
if not first[1] or tonumber(first[2]) > now then return 0 end
return mark(WAKEUP .. ARGV[4], ARGV[2]) and 1 or 0
