-- parts: names
-- ARGV[4], [5]: direction, account. ARGV[6], [7]: until and the present moment, as the caller knows them (epoch ms).
-- ARGV[8], [9]: reason, detail.
-- A caller that has not noticed a step of the server's clock yet names moments that differ by this step.
local key, till = GATE .. ARGV[4] .. ':' .. ARGV[5], tonumber(ARGV[6])
if math.abs(server - ARGV[7]) > 1000 then till = till + server - ARGV[7] end
redis.call('HSET', key, 'until', string.format('%.0f', till + shift), 'reason', ARGV[8], 'detail', ARGV[9],
  'since', now .. '')
if not given then redis.call('PEXPIREAT', key, string.format('%.0f', till)) end
return 1
