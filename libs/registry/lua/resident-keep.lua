-- A worker holds a resident on, and learns what is wanted of it.
--
-- KEYS  1 resident (hash)  2 residents of the pool   ARGV  1 id  2 lease value  3 lease (ms)
-- Gives the version of the plan that is in force, '' when it is no longer wanted, 'lost' when somebody else holds it.

if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then
  if redis.call('EXISTS', KEYS[1]) == 0 then return '' end -- a flush: the scheduler will want it again
  return 'lost'
end
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then return '' end
local time = redis.call('TIME') -- workers' clocks may differ
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[1])
return redis.call('HGET', KEYS[1], 'version') or ''
