-- A run that is to happen again (the worker stops): the lease goes, and the tick may start again. What it had reported is
-- safe and counted. After `ledger.lua`.
--
-- KEYS  1 lease  2 ledger
-- ARGV  1 lease value  2 collector id, then for each DataKit: endpoint, points emitted, points accepted

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
for at = 3, #ARGV, 3 do
  ledger_add(KEYS[2], ARGV[2], ARGV[at], 'emitted', tonumber(ARGV[at + 1]))
  ledger_add(KEYS[2], ARGV[2], ARGV[at], 'accepted', tonumber(ARGV[at + 2]))
end
return 1
