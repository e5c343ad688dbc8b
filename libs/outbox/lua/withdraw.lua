-- Points that were put here without an answer, and accepted by DataKit meanwhile: as if they had never come,
-- and as if no normalizer had sent them either.
--
-- KEYS  1 ledger  2 outbox  3 deliveries  4 delivery prefix
-- ARGV  1 id

local item = KEYS[4] .. ':' .. ARGV[1]
cancel_ended(KEYS[1], item)
if redis.call('EXISTS', item) == 0 then return 0 end
local shares, endpoint = shares_of(item), redis.call('HGET', item, 'endpoint')
delete_delivery(KEYS[2], KEYS[3], item, ARGV[1])
ledger_shares(KEYS[1], shares, endpoint, 'emitted', -1)
ledger_shares(KEYS[1], shares, endpoint, 'queued', -1)
return 1
