-- parts: names lease
-- ARGV[8]: key of a send ledger. ARGV[9], [10]: field and value. ARGV[11]: lifetime in ms. Returns -1 also if the step is done:
-- a worker that was stopped while it sent has stored the outcome without a lease, after the caller read the ledger.
if string.find(redis.call('HGET', ARGV[8], ARGV[9]) or '', '{"dm_id"', 1, true) == 1 then return -1 end
redis.call('HSET', ARGV[8], ARGV[9], ARGV[10])
redis.call('PEXPIRE', ARGV[8], ARGV[11])
return 1
