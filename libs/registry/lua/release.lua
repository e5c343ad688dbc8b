-- A run is over and its points are safe: count them, give the lease back, write the history and the state that the run
-- left, in one step. After `ledger.lua`.
--
-- KEYS  1 collector (hash)  2 lease (string)  3 runs (list, newest first)  4 outputs (list, newest first)
--       5 state (hash)  6 ledger
-- ARGV  1 lease value  2 outcome kind  3 run record (JSON)  4 output (JSON) or ''  5 runs kept  6 outputs kept
--       7 ended (ms)  8 run (ms)  9 'keep' | 'set' | 'forget': the state  10 version of the state  11 the state
--       12 how long the state of a collector that is gone is kept (ms)  13 collector id
--       then for each DataKit: endpoint, points emitted, points accepted (those that wait or died are counted already)
-- Gives 1; 0 when the lease is somebody else's by now: then nothing is written but the points and that count.

local collector, lease = KEYS[1], KEYS[2]
-- The answer to this very call may have been lost, and it comes again: then nothing is counted twice.
local before = redis.call('HGET', collector, 'released')
if before == ARGV[1] .. ' kept' then return 1 end
if before == ARGV[1] .. ' stale' then return 0 end
for at = 14, #ARGV, 3 do
  ledger_add(KEYS[6], ARGV[13], ARGV[at], 'emitted', tonumber(ARGV[at + 1]))
  ledger_add(KEYS[6], ARGV[13], ARGV[at], 'accepted', tonumber(ARGV[at + 2]))
end
if redis.call('GET', lease) ~= ARGV[1] then
  redis.call('HINCRBY', collector, 'n:stale', 1)
  redis.call('HSET', collector, 'released', ARGV[1] .. ' stale')
  return 0
end
redis.call('DEL', lease)
redis.call('HINCRBY', collector, 'n:' .. ARGV[2], 1)
redis.call('HSET', collector, 'lastOutcome', ARGV[2], 'lastEnded', ARGV[7], 'lastRunMs', ARGV[8],
  'released', ARGV[1] .. ' kept', 'done', string.match(ARGV[1], '^[^|]*|([^|]*)|') or '')
redis.call('LPUSH', KEYS[3], ARGV[3])
redis.call('LTRIM', KEYS[3], 0, ARGV[5] - 1)
if ARGV[4] ~= '' then
  redis.call('LPUSH', KEYS[4], ARGV[4])
  redis.call('LTRIM', KEYS[4], 0, ARGV[6] - 1)
end
if ARGV[9] == 'set' then
  redis.call('HSET', KEYS[5], 'version', ARGV[10], 'at', ARGV[7], 'data', ARGV[11])
  -- registering the collector again makes it lasting
  if redis.call('HEXISTS', collector, 'version') == 0 then redis.call('PEXPIRE', KEYS[5], ARGV[12]) end
elseif ARGV[9] == 'forget' then
  redis.call('DEL', KEYS[5])
end
return 1
