-- parts: names lease
-- ARGV[8]: key of a send ledger. ARGV[9], [10]: field and value. ARGV[11]: lifetime in ms.
redis.call('HSET', ARGV[8], ARGV[9], ARGV[10])
redis.call('PEXPIRE', ARGV[8], ARGV[11])
return 1
