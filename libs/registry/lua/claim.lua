-- A worker took the job of a tick: may it run?
--
-- KEYS  1 collector (hash)  2 lease (string)  3 state (hash: version, data)  4 pauses (hash)
-- ARGV  1 job id  2 worker  3 due (ms)  4 kind: grid | first | manual  5 lease (ms)  6 version that the worker knows
--       7 version of the state that it holds  8 when the worker took the tick (ms)
-- Gives {verdict, …}:
--   {'claimed', lease value, attempt: 'first-try' | 'again', version, record or '' when the worker knows it,
--    version of the state or '' when there is none, the state or '' when the worker holds it,
--    when its first try was taken (ms), so that a re-run gives its points the same times}
--   {'skipped', 'overlap' | 'paused' | 'gone' | 'done' | 'counted' | 'resident' | 'host-gone', holder or ''}
--   {'lost'}                       a re-run whose collector has started a later tick since
--
-- Every grid tick is counted exactly once: run or skipped here, missed when a later one shows the gap. One that was counted
-- as run and whose end was never recorded is counted as lost instead when a later one starts: nobody runs it again then.
-- libs/registry/src/tick-counts.ts says what adds up to what.
--
-- seen: the latest tick that was taken     seenEvery: its grid's interval     rest: '1', what was due since is not counted
-- started: the latest that was started     open: the same until its end is recorded
-- After `pauses.lua`.

local collector, lease = KEYS[1], KEYS[2]
local job, worker, due, kind, ttl, known = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]

local fields = redis.call('HMGET', collector, 'version', 'every', 'paused', 'seen', 'started', 'epoch', 'resident',
  'done', 'tried', 'triedMs', 'open', 'seenEvery', 'rest', 'away')
local version, every, paused, seen, started, epoch = fields[1], tonumber(fields[2] or '0'), fields[3], tonumber(fields[4] or '0'), tonumber(fields[5] or '0'), fields[6]
local open, seenEvery, rest = tonumber(fields[11] or '0'), tonumber(fields[12] or '0'), fields[13]
if not version then return {'skipped', 'gone', ''} end
if fields[7] == '1' then return {'skipped', 'resident', ''} end -- its resident runs it, and counts its ticks

if fields[14] then return {'skipped', 'host-gone', ''} end -- its grid begins anew when the host is back

local function count(name, by) redis.call('HINCRBY', collector, 'n:' .. name, by or 1) end

local function jobOf(value) return string.match(value or '', '^[^|]*|([^|]*)|') end -- a lease reads  <fence>|<job id>|<worker>

-- Its run was recorded, and the worker died before the job was completed.
if jobOf(fields[8]) == job then return {'skipped', 'done', ''} end

local grid = kind == 'grid'
local fresh = grid and due > seen -- this tick was not seen before, so it is to be counted
if fresh then
  count('due')
  local sameGrid = (seenEvery == 0 or seenEvery == every) and every > 0 and (due - seen) % every == 0
  if seen > 0 and sameGrid and rest ~= '1' then
    local gap = (due - seen) / every - 1
    if gap > 0 then
      count('due', gap)
      count('missed', gap)
    end
  end
  redis.call('HSET', collector, 'seen', due)
  if seenEvery ~= every then redis.call('HSET', collector, 'seenEvery', every) end
  if rest == '1' then redis.call('HDEL', collector, 'rest') end
end

if kind ~= 'manual' and (paused == '1' or paused_since(KEYS[4], collector)) then
  if fresh then count('skipped:paused') end
  return {'skipped', 'paused', ''}
end

if grid and started > due then return {'lost'} end
if grid and not fresh then
  -- it was counted as skipped or missed, and its job came again
  if started ~= due then return {'skipped', 'counted', ''} end
  -- it was recorded, and a run by hand since (`seenEvery` is not there where an earlier version counted it)
  if open == 0 and seenEvery > 0 then return {'skipped', 'done', ''} end
end

local holder = redis.call('GET', lease)
local again = false
if holder then
  if jobOf(holder) ~= job then
    if fresh then count('skipped:overlap') end
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
if grid and fresh then
  if open > 0 then -- the one before was started, and its end never recorded
    count('lost')
    count('run', -1)
  end
  count('run')
  if every > 0 and tonumber(triedMs) - due > every then count('late') end
end
if grid then
  again = again or not fresh
  redis.call('HSET', collector, 'started', due, 'open', due)
end

if again then count('rerun') end
local fence = (epoch or '0') .. '.' .. redis.call('HINCRBY', collector, 'fence', 1)
local value = fence .. '|' .. job .. '|' .. worker
redis.call('SET', lease, value, 'PX', ttl)
local record = ''
if version ~= known then record = redis.call('HGET', collector, 'record') end
local stateVersion, state = redis.call('HGET', KEYS[3], 'version') or '', ''
if stateVersion ~= '' and stateVersion ~= ARGV[7] then state = redis.call('HGET', KEYS[3], 'data') end
return {'claimed', value, again and 'again' or 'first-try', version, record, stateVersion, state, triedMs}
