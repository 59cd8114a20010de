-- parts: names wakeups log take
-- ARGV[4] on: items to take in. Returns which were new, and the wake-ups.
local new = take(4)
return {new, wakeups()}
