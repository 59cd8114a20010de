-- parts: names lease
-- ARGV[8]: lease in ms.
redis.call('ZADD', DUE .. account, now + tonumber(ARGV[8]), l)
return 1
