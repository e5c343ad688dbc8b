-- Redis has lost what it held: points that waited, or were dead letters, are counted as lost. After `ledger.lua`.
--
-- KEYS  1 ledger  2 epoch
-- ARGV  1 the epoch that begins, then of each share that is lost: collector, endpoint, points
-- Gives 1; 0 when somebody else has told of it: nothing is changed.

if not redis.call('SET', KEYS[2], ARGV[1], 'NX') then return 0 end
for at = 2, #ARGV, 3 do
  ledger_add(KEYS[1], ARGV[at], ARGV[at + 1], 'emitted', tonumber(ARGV[at + 2]))
  ledger_add(KEYS[1], ARGV[at], ARGV[at + 1], 'lost', tonumber(ARGV[at + 2]))
end
return 1
