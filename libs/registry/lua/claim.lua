-- A worker took the job of a tick: may it run?
--
-- KEYS  1 collector (hash)  2 lease (string)  3 state (hash: version, data)  4 pauses (hash)
-- ARGV  1 job id  2 worker  3 due (ms)  4 kind: grid | first | manual  5 lease (ms)  6 version that the worker knows
--       7 version of the state that it holds  8 when the worker took the tick (ms)
-- Gives {verdict, …}:
--   {'claimed', lease value, attempt: 'first-try' | 'again', version, record or '' when the worker knows it,
--    version of the state or '' when there is none, the state or '' when the worker holds it,
--    when its first try was taken (ms), so that a re-run gives its points the same times}
--   {'skipped', 'overlap' | 'paused' | 'gone' | 'done' | 'resident', holder or ''}
--   {'lost'}                       a re-run whose collector has started a later tick since
--
-- Every grid tick is counted exactly once: run, skipped or lost here, missed when a later one shows the gap. Those
-- that are skipped while paused are counted apart. After `pauses.lua`.

local collector, lease = KEYS[1], KEYS[2]
local job, worker, due, kind, ttl, known = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]

local fields = redis.call('HMGET', collector, 'version', 'every', 'paused', 'seen', 'started', 'epoch', 'resident',
  'done', 'tried', 'triedMs')
local version, every, paused, seen, started, epoch = fields[1], tonumber(fields[2] or '0'), fields[3], tonumber(fields[4] or '0'), tonumber(fields[5] or '0'), fields[6]
if not version then return {'skipped', 'gone', ''} end
if fields[7] == '1' then return {'skipped', 'resident', ''} end -- its resident runs it, and counts its ticks

local function count(name, by) redis.call('HINCRBY', collector, 'n:' .. name, by or 1) end

local function jobOf(value) return string.match(value or '', '^[^|]*|([^|]*)|') end -- a lease reads  <fence>|<job id>|<worker>

-- Its run was recorded, and the worker died before the job was completed.
if jobOf(fields[8]) == job then return {'skipped', 'done', ''} end

local grid = kind == 'grid'
local fresh = grid and due > seen -- this tick was not seen before, so it is to be counted
if fresh then
  count('due')
  if seen > 0 and every > 0 then
    local gap = math.floor((due - seen) / every + 0.5) - 1
    if gap > 0 then
      count('due', gap)
      count('missed', gap)
    end
  end
  redis.call('HSET', collector, 'seen', due)
end

if kind ~= 'manual' and (paused == '1' or paused_since(KEYS[4], collector)) then
  if fresh then count('skipped:paused') end
  return {'skipped', 'paused', ''}
end

if grid and started > due then
  count('lost')
  count('run', -1) -- it was counted as run when it started the first time
  return {'lost'}
end

local holder = redis.call('GET', lease)
local again = false
if holder then
  if jobOf(holder) ~= job then
    if fresh then count('skipped') end
    return {'skipped', 'overlap', holder}
  end
  again = true
end

local triedMs = ARGV[8]
if fields[9] == job then
  again, triedMs = true, fields[10]
else
  redis.call('HSET', collector, 'tried', job, 'triedMs', triedMs)
end
if grid then
  again = again or started == due
  redis.call('HSET', collector, 'started', due)
end

if again then count('rerun') elseif grid then count('run') end
local fence = (epoch or '0') .. '.' .. redis.call('HINCRBY', collector, 'fence', 1)
local value = fence .. '|' .. job .. '|' .. worker
redis.call('SET', lease, value, 'PX', ttl)
local record = ''
if version ~= known then record = redis.call('HGET', collector, 'record') end
local stateVersion, state = redis.call('HGET', KEYS[3], 'version') or '', ''
if stateVersion ~= '' and stateVersion ~= ARGV[7] then state = redis.call('HGET', KEYS[3], 'data') end
return {'claimed', value, again and 'again' or 'first-try', version, record, stateVersion, state, triedMs}
