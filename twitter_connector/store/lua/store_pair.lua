-- KEYS[1]: hash digest of a grant -> its last pair of tokens. ARGV: digest, sealed pair.
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
