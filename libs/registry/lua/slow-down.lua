-- A server said "too many" for a route: nobody sends to it for a pause, then everybody at half the rate, which is full
-- again when the recovery is over. While paused, more of the same changes nothing: those requests are from before.
--
-- KEYS  1 the route's throttle: the share of the rate at the end of the pause; lives for the pause and the recovery
-- ARGV  1 pause (ms)  2 recovery (ms)  3 the least share
-- Gives the ms until requests may go again.

local pause, recovery, least = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local share = tonumber(redis.call('GET', KEYS[1])) or 1
local left = redis.call('PTTL', KEYS[1])
if left > recovery then return left - recovery end
if left > 0 then share = math.min(1, share + (recovery - left) / recovery) end
redis.call('SET', KEYS[1], tostring(math.max(least, share / 2)), 'PX', pause + recovery)
return pause
