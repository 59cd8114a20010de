-- parts: names
-- KEYS[2]: keys.MEASURED of a machine. Returns what a worker there measured last, or false.
return redis.call('GET', KEYS[2])
