-- parts: names
-- Returns the time of the service, the server's clock (both in epoch ms), and how many steps forward were corrected.
return {string.format('%.0f', now), string.format('%.0f', server), redis.call('HGET', CLOCK, 'steps') or '0'}
