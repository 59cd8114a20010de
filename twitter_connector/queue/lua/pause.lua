-- parts: names
-- ARGV[4], [5]: direction, account. ARGV[6], [7]: until and the present moment, as the caller knows them (epoch ms).
-- ARGV[8], [9]: reason, detail.
-- The length counts: a caller that has not noticed a step of the server's clock yet names moments that differ by this step.
local key, till, length = GATE .. ARGV[4] .. ':' .. ARGV[5], tonumber(ARGV[6]), ARGV[6] - ARGV[7]
if math.abs(now - ARGV[7]) > 1000 then till = now + length end
redis.call('HSET', key, 'until', string.format('%.0f', till), 'reason', ARGV[8], 'detail', ARGV[9], 'since', now .. '')
-- The server's expiry follows its clock, which may be put forward, so the pause itself says when it ends.
if not given then redis.call('PEXPIRE', key, string.format('%.0f', math.max(length, 0) + FARTHEST)) end
return 1
