-- Keeps leases that are still this worker's.
--
-- KEYS  the leases
-- ARGV  1 lease (ms)  2… the value that each should have
-- Gives, for each, 1 (kept) or 0 (gone or somebody else's).

local kept = {}
for i, lease in ipairs(KEYS) do
  if redis.call('GET', lease) == ARGV[i + 1] then
    redis.call('PEXPIRE', lease, ARGV[1])
    kept[i] = 1
  else
    kept[i] = 0
  end
end
return kept
