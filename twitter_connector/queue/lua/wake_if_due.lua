-- parts: names wakeups due
-- ARGV[4]: direction. Returns 1 if an account is due and no wake-up is pending: the caller sends one.
return (due(ARGV[4])) and 1 or 0
