-- parts: names wakeups head next_lane
-- ARGV[4]: direction. ARGV[5]: lease in ms. ARGV[6]: how long the caller stays awake (ms), 0 if it does not.
-- ARGV[7]: nonce of the token. ARGV[8] on: excluded accounts. Returns the head of the next due lane; false if none is due.
local d, awake = ARGV[4], tonumber(ARGV[6])
local excluded = {}
for i = 8, #ARGV do excluded[ARGV[i]] = true end
local entry = next_lane(d, tonumber(ARGV[5]), excluded, ARGV[7])
-- In the same step: what becomes due from here on is noticed. The sweepers of all workers go on searching as well: the
-- notice can be lost.
local left = tonumber(redis.call('GET', AWAKE .. d) or 0) - now
if awake > 0 and (left < awake / 2 or left > AWAKE_LONGEST) then
  set_mark(AWAKE .. d, awake)
  redis.pcall('PUBLISH', WAKEUP .. d, '')
end
return entry
