-- Runs of their own do not do for an input's collectors: that is noted, unless it comes too late.
--
-- KEYS  1 input (hash)   ARGV  1 number  2 bundle  3 decision (JSON)
-- Gives whether it was written.
--
-- A run of a version that is neither the newest nor in force tells nothing any more; one that is in force yields to what
-- was decided for the newest. The first reason for a bundle stays.

local number, bundle = ARGV[1], ARGV[2]
local fields = redis.call('HMGET', KEYS[1], 'latest', 'active', 'resident')
local latest, active, decided = fields[1], fields[2], fields[3]
if number ~= latest and number ~= active then return 0 end
if decided then
  local held = cjson.decode(decided).bundle
  if held == bundle then return 0 end
  local newest = redis.call('HGET', KEYS[1], 'r:' .. latest)
  if number ~= latest and newest and cjson.decode(newest).bundle == held then return 0 end
end
redis.call('HSET', KEYS[1], 'resident', ARGV[3])
return 1
