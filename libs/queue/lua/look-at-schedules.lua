-- Job Schedulers as Redis holds them, each with whether its chain of jobs goes on. BullMQ makes a scheduler's next job when
-- its current one is taken; when that fails (a job of that id is there already) nothing ever happens again, in silence.
--
-- KEYS  of a BullMQ queue: 1 repeat (sorted set: scheduler id → due time of its next job)  2 delayed  3 prioritized
--       4 wait  5 paused  6 active
-- ARGV  scheduler ids
-- Gives, for each that is there, its id, when its next job is due (ms), every (ms), offset (ms), and '1' when that job is
-- to come, waits or is run now, else '0'.

local listed -- the jobs that wait or are run now, read when it is asked for
local function isListed(job)
  if not listed then
    listed = {}
    for i = 4, 6 do
      for _, id in ipairs(redis.call('LRANGE', KEYS[i], 0, -1)) do listed[id] = true end
    end
  end
  return listed[job] == true
end

local found = {}
for _, id in ipairs(ARGV) do
  local due = redis.call('ZSCORE', KEYS[1], id)
  if due then
    local fields = redis.call('HMGET', KEYS[1] .. ':' .. id, 'every', 'offset')
    local job = string.format('repeat:%s:%.0f', id, tonumber(due))
    local goesOn = redis.call('ZSCORE', KEYS[2], job) or redis.call('ZSCORE', KEYS[3], job) or isListed(job)
    local n = #found
    found[n + 1], found[n + 2], found[n + 3], found[n + 4] = id, due, fields[1] or '0', fields[2] or '0'
    found[n + 5] = goesOn and '1' or '0'
  end
end
return found
