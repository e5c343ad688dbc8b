-- run() of a collector in a resident has returned, or its process is gone; its points are safe: write the history. The
-- lease stays.
--
-- KEYS  1 collector (hash)  2 lease  3 runs (list, newest first)  4 outputs (list, newest first)
--       5 ledger
-- ARGV  1 lease value  2 outcome kind  3 run record (JSON)  4 output (JSON) or ''  5 runs kept  6 outputs kept
--       7 ended (ms)  8 run (ms)  9 kind: grid | first
--       10 collector id, then for each DataKit: endpoint, points emitted and accepted since the last time
-- Gives 1; 0 when the lease is somebody else's by now: then nothing is written but the points and that count. After
-- `ledger.lua`.

local collector = KEYS[1]
for at = 11, #ARGV, 3 do
  ledger_add(KEYS[5], ARGV[10], ARGV[at], 'emitted', tonumber(ARGV[at + 1]))
  ledger_add(KEYS[5], ARGV[10], ARGV[at], 'accepted', tonumber(ARGV[at + 2]))
end
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  redis.call('HINCRBY', collector, 'n:stale', 1)
  return 0
end
redis.call('HINCRBY', collector, 'n:' .. ARGV[2], 1)
if ARGV[2] == 'lost' and ARGV[9] == 'grid' then redis.call('HINCRBY', collector, 'n:run', -1) end
redis.call('HDEL', collector, 'running')
redis.call('HSET', collector, 'lastOutcome', ARGV[2], 'lastEnded', ARGV[7], 'lastRunMs', ARGV[8])
redis.call('LPUSH', KEYS[3], ARGV[3])
redis.call('LTRIM', KEYS[3], 0, ARGV[5] - 1)
if ARGV[4] ~= '' then
  redis.call('LPUSH', KEYS[4], ARGV[4])
  redis.call('LTRIM', KEYS[4], 0, ARGV[6] - 1)
end
return 1
