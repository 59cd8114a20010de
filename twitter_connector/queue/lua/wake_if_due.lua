-- parts: names wakeups due
-- ARGV[4]: direction. ARGV[5]: 1 to wake another worker though one is awake. Returns 1 if an account is due and no wake-up is pending: the caller sends one.
return (due(ARGV[4], ARGV[5] == '1')) and 1 or 0
