-- A scheduler stops in order: the next one need not wait for its lease to end.
--
-- KEYS  1 leader   ARGV  1 who gives it up

if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
