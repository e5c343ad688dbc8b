-- What DataKit is to be told now: of each collector and code at most once in a while.
--
-- KEYS  1 letters
-- ARGV  1 the while (ms)  2 how many at most
-- Gives {"<code> <collector>", points, …}.

local untold = KEYS[1] .. '-untold'
local taken = {}
local all = redis.call('HGETALL', untold)
for at = 1, #all, 2 do
  if #taken >= 2 * tonumber(ARGV[2]) then break end
  if redis.call('SET', KEYS[1] .. '-told:' .. all[at], '1', 'NX', 'PX', ARGV[1]) then
    taken[#taken + 1] = all[at]
    taken[#taken + 1] = tonumber(all[at + 1])
    redis.call('HDEL', untold, all[at])
  end
end
return taken
