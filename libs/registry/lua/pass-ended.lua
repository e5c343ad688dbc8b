-- run() of a collector in a resident has returned, or its process is gone; its points are safe: write the history. The
-- lease stays.
--
-- KEYS  1 collector (hash)  2 lease  3 runs (list, newest first)  4 outputs (list, newest first)
--       5 ledger
-- ARGV  1 lease value  2 outcome kind  3 run record (JSON)  4 output (JSON) or ''  5 runs kept  6 outputs kept
--       7 ended (ms)  8 run (ms)  9 kind: grid | first
--       10 collector id  11 name of this call  then for each DataKit: endpoint, points emitted and accepted since the last
--       time
-- Gives 1; 0 when the lease is somebody else's by now: then nothing is written but the points and that count. After
-- `ledger.lua` and `history.lua`.

local collector = KEYS[1]
if not ledger_released(KEYS[5], collector, ARGV[11], ARGV[10], ARGV, 12) then return 1 end -- it is written already
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  redis.call('HINCRBY', collector, 'n:stale', 1)
  return 0
end
if ARGV[2] ~= 'lost' then
  redis.call('HINCRBY', collector, 'n:' .. ARGV[2], 1)
elseif ARGV[9] == 'grid' then -- else it was no tick's, and no tick is lost
  redis.call('HINCRBY', collector, 'n:lost', 1)
  redis.call('HINCRBY', collector, 'n:run', -1)
end
redis.call('HDEL', collector, 'running')
redis.call('HSET', collector, 'lastOutcome', ARGV[2], 'lastEnded', ARGV[7], 'lastRunMs', ARGV[8])
write_history(KEYS[3], KEYS[4], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
return 1
