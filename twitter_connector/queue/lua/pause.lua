-- parts: names
-- ARGV[4], [5]: direction, account. ARGV[6]: until (epoch ms). ARGV[7], [8]: reason, detail.
local key = GATE .. ARGV[4] .. ':' .. ARGV[5]
redis.call('HSET', key, 'until', ARGV[6], 'reason', ARGV[7], 'detail', ARGV[8], 'since', now .. '')
if not given then redis.call('PEXPIREAT', key, ARGV[6]) end
return 1
