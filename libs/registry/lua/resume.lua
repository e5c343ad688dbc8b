-- An operator lifts pauses. After `pauses.lua`.
--
-- KEYS  1 pauses (hash)  2… collectors (hashes) that are resident   ARGV  the fields of the pauses
-- Gives how many of the pauses stood.
--
-- Ticks of other collectors are counted as they come, as skipped. A resident has none of them: those that were due while
-- it was paused are counted here, so that its next call finds no gap.

local pauses = KEYS[1]
local since = {}
for i = 2, #KEYS do since[i] = paused_since(pauses, KEYS[i]) or false end
local lifted = redis.call('HDEL', pauses, unpack(ARGV))
local time = redis.call('TIME') -- workers' clocks may differ
local now = time[1] * 1000 + math.floor(time[2] / 1000)

for i = 2, #KEYS do
  local collector = KEYS[i]
  local fields = redis.call('HMGET', collector, 'every', 'seen', 'resident', 'paused', 'seenEvery', 'rest')
  local every, seen = tonumber(fields[1] or '0'), tonumber(fields[2] or '0')
  -- of another grid, and of what nobody wanted for a while, nothing is counted: pass-began.lua does neither
  local sameGrid = (not fields[5] or tonumber(fields[5]) == every) and fields[6] ~= '1'
  local goesOn = sameGrid and since[i] and fields[3] == '1' and fields[4] ~= '1' and not paused_since(pauses, collector)
  if goesOn and every > 0 and seen > 0 and now - seen >= every then
    local due = math.floor((now - seen) / every)
    local missed = math.max(0, math.floor((since[i] - seen) / every)) -- before the pause: nobody held it
    redis.call('HINCRBY', collector, 'n:due', due)
    if missed > 0 then redis.call('HINCRBY', collector, 'n:missed', missed) end
    if due > missed then redis.call('HINCRBY', collector, 'n:skipped:paused', due - missed) end
    redis.call('HSET', collector, 'seen', string.format('%.0f', seen + due * every))
  end
end
return lifted
