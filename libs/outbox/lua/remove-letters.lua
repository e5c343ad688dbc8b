-- Letters that nobody wants any more, or that are too old.
--
-- KEYS  1 ledger  2 letters  3 letter prefix
-- ARGV  1 what their points are counted as from now on: purged | dropped, then the letters' ids
-- Gives {letters, points} removed.

local count, points = 0, 0
for at = 2, #ARGV do
  local item = KEYS[3] .. ':' .. ARGV[at]
  if redis.call('EXISTS', item) == 1 then
    local shares, endpoint = shares_of(item), redis.call('HGET', item, 'endpoint')
    ledger_shares(KEYS[1], shares, endpoint, redis.call('HGET', item, 'state'), -1)
    ledger_shares(KEYS[1], shares, endpoint, ARGV[1], 1)
    count, points = count + 1, points + points_of(shares)
    redis.call('DEL', item)
  end
  redis.call('ZREM', KEYS[2], ARGV[at])
end
return {count, points}
