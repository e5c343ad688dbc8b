-- Runs of their own do not do for an input's collectors: that is noted, unless it comes too late.
--
-- KEYS  1 decisions (hash, by input)
-- ARGV  1 key of the input's hash, which is only read: a user of Redis who may not write it may run this  2 input  3 number
--       4 bundle  5 decision (JSON)
-- Gives whether it was written.
--
-- A run of a version that is neither the newest nor in force tells nothing any more; one that is in force yields to what
-- was decided for the newest. The first reason for a bundle stays.

local hash, input, number, bundle = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local fields = redis.call('HMGET', hash, 'latest', 'active', 'resident')
local latest, active, before = fields[1], fields[2], fields[3]
if number ~= latest and number ~= active then return 0 end
local decided = redis.call('HGET', KEYS[1], input) or before -- it was in the input's hash once
if decided then
  local held = cjson.decode(decided).bundle
  if held == bundle then return 0 end
  local newest = redis.call('HGET', hash, 'r:' .. latest)
  if number ~= latest and newest and cjson.decode(newest).bundle == held then return 0 end
end
redis.call('HSET', KEYS[1], input, ARGV[5])
return 1
