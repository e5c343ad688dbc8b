-- A try of a delivery is over: what was accepted and what is dead leaves it, the rest stays.
--
-- KEYS  1 ledger  2 outbox  3 deliveries  4 delivery prefix  5 letters  6 letter prefix
-- ARGV  1 id  2 digest of what was tried  3 shares accepted  4 letters kept
--       5 digest, 6 meta, 7 body, 8 shares of what is left; digest '' when nothing is
--       then for each letter: id, died (ms), state, meta, body, digest, shares
-- Gives 1; 0 when the delivery is not what was tried any more: somebody else settled it, nothing is changed.

local ledger, outbox, deliveries, letters = KEYS[1], KEYS[2], KEYS[3], KEYS[5]
local id = ARGV[1]
local item = KEYS[4] .. ':' .. id
if redis.call('HGET', item, 'digest') ~= ARGV[2] then return 0 end
local endpoint = redis.call('HGET', item, 'endpoint')
local score = redis.call('ZSCORE', deliveries, id)
delete_delivery(outbox, deliveries, item, id)

local accepted = cjson.decode(ARGV[3])
ledger_shares(ledger, accepted, endpoint, 'queued', -1)
ledger_shares(ledger, accepted, endpoint, 'accepted', 1)

for at = 9, #ARGV, 7 do
  local shares = cjson.decode(ARGV[at + 6])
  ledger_shares(ledger, shares, endpoint, 'queued', -1)
  local content = { meta = ARGV[at + 3], body = ARGV[at + 4], digest = ARGV[at + 5], shares = ARGV[at + 6], endpoint = endpoint }
  if put_letter(letters, KEYS[6] .. ':' .. ARGV[at], ARGV[at], ARGV[at + 1], ARGV[at + 2], content) then
    ledger_shares(ledger, shares, endpoint, ARGV[at + 2], 1)
  else
    ledger_shares(ledger, shares, endpoint, 'emitted', -1)
  end
end
drop_letters(ledger, letters, KEYS[6], tonumber(ARGV[4]))

if ARGV[5] ~= '' then
  put_delivery(outbox, deliveries, item, id, score,
    { digest = ARGV[5], meta = ARGV[6], body = ARGV[7], shares = ARGV[8], endpoint = endpoint })
end
return 1
