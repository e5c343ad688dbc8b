-- Letters that nobody wants any more, or that are too old.
--
-- KEYS  1 ledger  2 letters  3 letter prefix
-- ARGV  1 what their points are counted as from now on: purged | dropped, then the letters' ids
-- Gives {letters, points} removed.

local count, points = 0, 0
for at = 2, #ARGV do
  local item = KEYS[3] .. ':' .. ARGV[at]
  if redis.call('EXISTS', item) == 1 then count = count + 1 end
  points = points + delete_letter(KEYS[1], KEYS[2], item, ARGV[at], ARGV[1])
end
return {count, points}
