-- The ledger: points, counted by what became of them. Put before every script that moves points, so that the count and
-- the move are one step.
--
-- <prefix>:<collector>  hash  "<state> <endpoint>" → points      <prefix>s  set of the collectors that have one
--
-- A share is {collector, points}; `by` is 1 or -1.

local function ledger_add(prefix, collector, endpoint, state, points)
  if points == 0 then return end
  local field = state .. ' ' .. endpoint
  if redis.call('HINCRBY', prefix .. ':' .. collector, field, points) == points then
    redis.call('SADD', prefix .. 's', collector)
  end
end

local function ledger_shares(prefix, shares, endpoint, state, by)
  for _, share in ipairs(shares) do ledger_add(prefix, share[1], endpoint, state, by * share[2]) end
end

-- What a run reported: for each DataKit endpoint, points emitted, points accepted, from args[from] on. `token` names the
-- call: one that comes again, for its answer was lost, counts nothing. `marks` is a hash that remembers the last one. Gives
-- whether it is the first time.
local function ledger_released(prefix, marks, token, collector, args, from)
  if redis.call('HGET', marks, 'counted') == token then return false end
  redis.call('HSET', marks, 'counted', token)
  for at = from, #args, 3 do
    ledger_add(prefix, collector, args[at], 'emitted', tonumber(args[at + 1]))
    ledger_add(prefix, collector, args[at], 'accepted', tonumber(args[at + 2]))
  end
  return true
end
