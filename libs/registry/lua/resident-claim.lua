-- A worker wants to hold a resident: its place, and the leases of all its collectors, or nothing.
--
-- KEYS  1 resident (hash)  2 residents of the pool (sorted set: id → until when it is held, ms)  3… leases of its collectors
-- ARGV  1 id  2 version of the plan that the leases are from  3 worker  4 lease (ms)  5 a new epoch
-- Gives {verdict, lease value}: 'claimed'; 'changed', the plan is another by now; 'gone', nobody wants it; 'held', by a
-- worker; 'busy', a run of one of its collectors goes on.

local resident, pool = KEYS[1], KEYS[2]
local id, version, worker, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local heldUntil = redis.call('ZSCORE', pool, id)
if not heldUntil then return {'gone', ''} end
if redis.call('HGET', resident, 'version') ~= version then return {'changed', ''} end
local time = redis.call('TIME') -- workers' clocks may differ
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(heldUntil) > now then return {'held', ''} end
for i = 3, #KEYS do
  local holder = redis.call('GET', KEYS[i])
  if holder then return {'busy', holder} end
end

redis.call('HSETNX', resident, 'epoch', ARGV[5]) -- makes fences differ after a flush, when their counters start anew
local fence = redis.call('HGET', resident, 'epoch') .. '.' .. redis.call('HINCRBY', resident, 'fence', 1)
local value = fence .. '|resident-' .. id .. '|' .. worker
for i = 3, #KEYS do redis.call('SET', KEYS[i], value, 'PX', ttl) end
redis.call('ZADD', pool, now + ttl, id)
redis.call('HSET', resident, 'lease', value, 'since', now)
redis.call('HINCRBY', resident, 'n:starts', 1)
return {'claimed', value}
