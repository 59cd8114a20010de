-- parts: names wakeups
-- ARGV[4]: direction. ARGV[5]: for how long (ms).
set_mark(WAKEUP .. ARGV[4], ARGV[5])
return 1
