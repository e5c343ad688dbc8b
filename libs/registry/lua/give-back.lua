-- A run that is to happen again (the worker stops): the lease goes, and the tick may start again. What it had reported is
-- safe and counted. After `ledger.lua`.
--
-- KEYS  1 lease  2 ledger  3 collector (hash)
-- ARGV  1 lease value  2 collector id, then for each DataKit: endpoint, points emitted, points accepted

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
ledger_released(KEYS[2], KEYS[3], ARGV[1], ARGV[2], ARGV, 3)
return 1
