-- Leases requests to a route, for all senders of one source address, by GCRA. There is no clock in it: what is owed to
-- the rate is the key's time to live.
--
-- KEYS  1 what this source address owes  2 the route's throttle, the fleet's (see slow-down.lua)
-- ARGV  1 wanted  2 ms a request costs at full rate  3 requests that may go at once  4 recovery (ms)
-- Gives what is granted, and the ms until there can be more (0 when all was granted).

local wanted, cost, burst, recovery = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

local share = tonumber(redis.call('GET', KEYS[2]))
if share then
  local left = redis.call('PTTL', KEYS[2])
  if left > recovery then return { 0, left - recovery } end
  share = math.min(1, share + (recovery - left) / recovery)
  cost = cost / share
  burst = math.max(1, math.floor(burst * share))
end

-- More than the burst is never owed; a clock that jumped back may make it look so.
local owed = math.min(math.max(0, redis.call('PTTL', KEYS[1])), burst * cost)
local granted = math.min(wanted, math.floor(burst - owed / cost))
if granted > 0 then
  owed = math.ceil(owed + granted * cost)
  redis.call('SET', KEYS[1], '', 'PX', owed)
end
if granted == wanted then return { granted, 0 } end
return { granted, math.ceil(owed + cost - burst * cost) }
