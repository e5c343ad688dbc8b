-- Points that DataKit did not accept wait from now on.
--
-- KEYS  1 ledger  2 outbox  3 deliveries  4 delivery prefix
-- ARGV  1 id  2 drop order  3 meta  4 body  5 digest  6 shares  7 endpoint  8 most bytes
-- Gives the ids that had to make room. Putting an id again replaces it, and what became of it meanwhile: the first time may
-- have had no answer.

local ledger, outbox, deliveries, prefix = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, endpoint = ARGV[1], ARGV[7]
local item = prefix .. ':' .. id

if redis.call('EXISTS', item) == 1 then
  local shares = shares_of(item)
  delete_delivery(outbox, deliveries, item, id)
  ledger_shares(ledger, shares, endpoint, 'emitted', -1)
  ledger_shares(ledger, shares, endpoint, 'queued', -1)
end
cancel_ended(ledger, item)
local shares = cjson.decode(ARGV[6])
ledger_shares(ledger, shares, endpoint, 'emitted', 1)
ledger_shares(ledger, shares, endpoint, 'queued', 1)
put_delivery(outbox, deliveries, item, id, ARGV[2],
  { meta = ARGV[3], body = ARGV[4], digest = ARGV[5], shares = ARGV[6], endpoint = endpoint })

local dropped = {}
while tonumber(redis.call('HGET', outbox, 'bytes')) > tonumber(ARGV[8]) do
  local first = redis.call('ZRANGE', deliveries, 0, 0)[1]
  if not first then break end
  local victim = prefix .. ':' .. first
  local lost = shares_of(victim)
  local where, digest = unpack(redis.call('HMGET', victim, 'endpoint', 'digest'))
  delete_delivery(outbox, deliveries, victim, first)
  if where then
    ledger_shares(ledger, lost, where, 'queued', -1)
    ledger_shares(ledger, lost, where, 'dropped', 1)
    remember_ended(victim, where, 'dropped', lost, 1)
    redis.call('HSET', victim .. ':ended', 'dropped', digest or '')
  end
  dropped[#dropped + 1] = first
end
return dropped
