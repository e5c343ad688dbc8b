-- The process of a resident is gone: others may take it.
--
-- KEYS  1 resident (hash)  2 residents of the pool  3… leases of its collectors   ARGV  1 id  2 lease value
--       3 how long nobody may take it (ms)

for i = 3, #KEYS do
  if redis.call('GET', KEYS[i]) == ARGV[2] then redis.call('DEL', KEYS[i]) end
end
if redis.call('HGET', KEYS[1], 'lease') ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 'lease')
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  local time = redis.call('TIME') -- workers' clocks may differ
  redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[3], ARGV[1])
else
  redis.call('DEL', KEYS[1]) -- it was wanted no more
end
return 1
