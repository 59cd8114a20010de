-- ARGV[4] to ARGV[7]: direction, account, lane and token of a lease. The script ends with -1 if another worker has the lane.
local d, a, l, token = unpack(ARGV, 4, 7)
local account = d .. ':' .. a
local lane = account .. ':' .. l
if redis.call('HGET', STATE .. lane, 'owner') ~= token then return -1 end
note(250)
