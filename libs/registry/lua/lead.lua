-- A scheduler wants to lead, or to go on leading: takes the lease, renews it, or learns who has it. Told in the same step:
-- whether Redis has lost what it held since this scheduler looked last.
--
-- KEYS  1 leader (hash, lives as long as its lease)  2 fleet (hash: what no lease ends)
-- ARGV  1 who asks, unique  2 lease (ms)  3 who asks, for people (JSON)  4 fence of a leader that is known to be dead, or ''
--       5 state that the caller saw last, or ''  6 a new name for the state  7 highest fence that it knows
--       8 how often it knows that state was lost  9 'waits': it takes no Redis that has lost its state
-- Gives {'leads' | 'stands-by', fence, who leads (JSON), since (ms), state, how often state was lost}; {'waits'}

local leader, fleet = KEYS[1], KEYS[2]
local time = redis.call('TIME') -- schedulers' clocks may differ
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

local state = redis.call('HGET', fleet, 'state')
if not state then
  if ARGV[9] == 'waits' then return {'waits'} end
  state = ARGV[6]
  redis.call('HSET', fleet, 'state', state, 'fence', ARGV[7], 'lost', ARGV[8])
  if ARGV[5] ~= '' then
    redis.call('HINCRBY', fleet, 'lost', 1)
    redis.call('HSET', fleet, 'lostMs', now)
  end
end
local lost = redis.call('HGET', fleet, 'lost')

local held = redis.call('HMGET', leader, 'token', 'fence', 'view', 'since')
if held[1] and held[1] ~= ARGV[1] and held[2] ~= ARGV[4] then
  return {'stands-by', held[2], held[3], held[4], state, lost}
end
local fence, since = held[2], held[4]
if held[1] ~= ARGV[1] then
  fence, since = tostring(redis.call('HINCRBY', fleet, 'fence', 1)), now
  redis.call('HSET', leader, 'token', ARGV[1], 'fence', fence, 'view', ARGV[3], 'since', since)
end
redis.call('PEXPIRE', leader, ARGV[2])
return {'leads', fence, ARGV[3], since, state, lost}
