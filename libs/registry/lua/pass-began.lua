-- A resident calls run() of a collector, or the call goes on: its ticks are counted, and what it has done so far is shown.
--
-- KEYS  1 collector (hash)  2 lease  3 ledger
-- ARGV  1 lease value  2 kind: grid | first | going-on  3 due (ms); of one that goes on: now  4 offset of the grid (ms)
--       5 when the call began (ms)  6 run record (JSON) as it is now
--       7 collector id  8 name of this call  then for each DataKit: endpoint, points emitted and accepted since the last
--       time
-- Gives 1; 0 when the lease is somebody else's by now: then nothing is written but the points. After `ledger.lua`.
--
-- Every tick of the grid is counted once: run, skipped (the call before it went on) or missed (the process was not there).
-- See claim.lua for the fields, and for what becomes of a run that was going on before the collector became a resident.

local collector = KEYS[1]
ledger_released(KEYS[3], collector, ARGV[8], ARGV[7], ARGV, 9)
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
local kind, due, offset, began = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local fields = redis.call('HMGET', collector, 'version', 'every', 'seen', 'up', 'open', 'rest')
if not fields[1] then return 0 end
local every, seen, up = tonumber(fields[2] or '0'), tonumber(fields[3] or '0'), tonumber(fields[4] or '0')

local function count(name, by) redis.call('HINCRBY', collector, 'n:' .. name, by or 1) end
local function tickBefore(ms) return math.floor((ms - offset) / every) * every + offset end

if fields[5] then
  count('lost')
  count('run', -1)
  redis.call('HDEL', collector, 'open')
end
if every > 0 and kind == 'grid' and due > seen then
  local sameGrid = seen > 0 and (due - seen) % every == 0 and fields[6] ~= '1'
  local gap = sameGrid and (due - seen) / every - 1 or 0
  local missed = 0 -- those before the process was up
  if gap > 0 and up > seen then missed = math.min(gap, math.floor((tickBefore(up) - seen) / every + 0.5)) end
  count('due', gap + 1)
  count('run')
  if began - due > every then count('late') end
  if missed > 0 then count('missed', missed) end
  if gap > missed then count('skipped:overlap', gap - missed) end
  redis.call('HSET', collector, 'seen', due, 'seenEvery', every, 'started', due)
  if fields[6] then redis.call('HDEL', collector, 'rest') end
elseif every > 0 and kind == 'going-on' then
  local last = tickBefore(due)
  local from = math.max(seen, tickBefore(began))
  local gap = math.floor((last - from) / every + 0.5)
  if gap > 0 then
    local missed = seen > 0 and fields[6] ~= '1' and math.max(0, math.floor((from - seen) / every + 0.5)) or 0
    count('due', gap + missed)
    count('skipped:overlap', gap)
    if missed > 0 then count('missed', missed) end
    redis.call('HSET', collector, 'seen', last, 'seenEvery', every)
    if fields[6] then redis.call('HDEL', collector, 'rest') end
  end
end
if kind == 'first' then redis.call('HSET', collector, 'up', due) end
redis.call('HSET', collector, 'running', ARGV[6])
return 1
