-- The host of a collector has no worker any more: nothing of it is due until the host comes back.
--
-- KEYS  1 collector (hash)  2 lease   ARGV  1 now (ms)
-- Gives 1 when it is away by now; 0 while somebody still holds its lease.
--
-- A tick that was started and whose end was not recorded is lost: its job goes with the queue of the host. What is due
-- until the host is back is not counted. See claim.lua for the fields.

local collector = KEYS[1]
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local fields = redis.call('HMGET', collector, 'record', 'open')
if not fields[1] then return 1 end
if fields[2] then
  redis.call('HINCRBY', collector, 'n:lost', 1)
  redis.call('HINCRBY', collector, 'n:run', -1)
  redis.call('HDEL', collector, 'open')
end
redis.call('HSET', collector, 'rest', '1')
redis.call('HSETNX', collector, 'away', ARGV[1])
return 1
