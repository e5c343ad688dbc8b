-- A run is over and its points are safe: count them, give the lease back, write the history and the state that the run
-- left, in one step. After `ledger.lua` and `history.lua`.
--
-- KEYS  1 collector (hash)  2 lease (string)  3 runs (list, newest first)  4 outputs (list, newest first)
--       5 state (hash)  6 ledger
-- ARGV  1 lease value  2 outcome kind  3 run record (JSON)  4 output (JSON) or ''  5 runs kept  6 outputs kept
--       7 ended (ms)  8 run (ms)  9 'keep' | 'set' | 'forget': the state  10 version of the state  11 the state
--       12 how long the state of a collector that is gone is kept (ms)  13 collector id
--       then for each DataKit: endpoint, points emitted, points accepted (those that wait or died are counted already)
-- Gives 1; 0 when the lease is somebody else's by now: then nothing is written but the points and that count.

local collector, lease = KEYS[1], KEYS[2]
local known = redis.call('HMGET', collector, 'done', 'open')
if known[1] == ARGV[1] then return 1 end -- its answer was lost, and it comes again
local first = ledger_released(KEYS[6], collector, ARGV[1], ARGV[13], ARGV, 14)
if redis.call('GET', lease) ~= ARGV[1] then
  if first then redis.call('HINCRBY', collector, 'n:stale', 1) end
  return 0
end
redis.call('DEL', lease)
if known[2] and known[2] == string.match(ARGV[1], '^[^|]*|repeat:[^|:]*:(%d+)|') then redis.call('HDEL', collector, 'open') end
redis.call('HINCRBY', collector, 'n:' .. ARGV[2], 1)
redis.call('HSET', collector, 'lastOutcome', ARGV[2], 'lastEnded', ARGV[7], 'lastRunMs', ARGV[8],
  'done', ARGV[1])
write_history(KEYS[3], KEYS[4], ARGV[3], ARGV[4], ARGV[5], ARGV[6])
if ARGV[9] == 'set' then
  redis.call('HSET', KEYS[5], 'version', ARGV[10], 'at', ARGV[7], 'data', ARGV[11])
  -- registering the collector again makes it lasting
  if redis.call('HEXISTS', collector, 'version') == 0 then redis.call('PEXPIRE', KEYS[5], ARGV[12]) end
elseif ARGV[9] == 'forget' then
  redis.call('DEL', KEYS[5])
end
return 1
