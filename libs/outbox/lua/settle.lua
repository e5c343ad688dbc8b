-- A try of a delivery is over: what was accepted and what is dead leaves it, the rest stays.
--
-- KEYS  1 ledger  2 outbox  3 deliveries  4 delivery prefix  5 letters  6 letter prefix
-- ARGV  1 id  2 digest of what was tried  3 shares accepted  4 letters kept  5 bytes of letters kept
--       6 digest, 7 meta, 8 body, 9 shares of what is left; digest '' when nothing is
--       then for each letter: id, died (ms), state, meta, body, digest, shares
-- Gives 1; 0 when the delivery is not what was tried any more: somebody else settled it, nothing is changed. One that was
-- dropped while it was tried is counted as it went; what is left of it stays dropped.

local ledger, outbox, deliveries, letters = KEYS[1], KEYS[2], KEYS[3], KEYS[5]
local id = ARGV[1]
local item = KEYS[4] .. ':' .. id
local endpoint, score, was
if redis.call('HGET', item, 'digest') == ARGV[2] then
  was = 'queued'
  endpoint = redis.call('HGET', item, 'endpoint')
  score = redis.call('ZSCORE', deliveries, id)
  delete_delivery(outbox, deliveries, item, id)
elseif redis.call('HGET', item .. ':ended', 'dropped') == ARGV[2] then
  was = 'dropped'
  endpoint = redis.call('HGET', item .. ':ended', 'endpoint')
  redis.call('HDEL', item .. ':ended', 'dropped')
else
  return 0
end

local function leaves(shares)
  ledger_shares(ledger, shares, endpoint, was, -1)
  if was == 'dropped' then remember_ended(item, endpoint, 'dropped', shares, -1) end
end

local accepted = cjson.decode(ARGV[3])
leaves(accepted)
ledger_shares(ledger, accepted, endpoint, 'accepted', 1)
remember_ended(item, endpoint, 'accepted', accepted, 1)

for at = 10, #ARGV, 7 do
  local shares = cjson.decode(ARGV[at + 6])
  leaves(shares)
  local content = { meta = ARGV[at + 3], body = ARGV[at + 4], digest = ARGV[at + 5], shares = ARGV[at + 6], endpoint = endpoint }
  if put_letter(letters, KEYS[6] .. ':' .. ARGV[at], ARGV[at], ARGV[at + 1], ARGV[at + 2], content) then
    ledger_shares(ledger, shares, endpoint, ARGV[at + 2], 1)
  else
    ledger_shares(ledger, shares, endpoint, 'emitted', -1)
  end
end
drop_letters(ledger, letters, KEYS[6], tonumber(ARGV[4]), tonumber(ARGV[5]))

if ARGV[6] ~= '' and was == 'queued' then
  put_delivery(outbox, deliveries, item, id, score,
    { digest = ARGV[6], meta = ARGV[7], body = ARGV[8], shares = ARGV[9], endpoint = endpoint })
end
return 1
