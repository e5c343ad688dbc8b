-- A letter becomes a delivery again.
--
-- KEYS  1 ledger  2 outbox  3 deliveries  4 delivery prefix  5 letters  6 letter prefix
-- ARGV  1 letter id  2 digest of the letter  3 delivery id  4 drop order  5 meta  6 body  7 digest  8 shares  9 endpoint
-- Gives 1; 0 when the letter is gone or another by now.

local letter = KEYS[6] .. ':' .. ARGV[1]
if redis.call('HGET', letter, 'digest') ~= ARGV[2] then return 0 end
local shares = shares_of(letter)
local from, state = redis.call('HGET', letter, 'endpoint'), redis.call('HGET', letter, 'state')
remove_letter(KEYS[5], letter, ARGV[1])
ledger_shares(KEYS[1], shares, from, state, -1)
if from ~= ARGV[9] then
  ledger_shares(KEYS[1], shares, from, 'emitted', -1)
  ledger_shares(KEYS[1], shares, ARGV[9], 'emitted', 1)
end
ledger_shares(KEYS[1], shares, ARGV[9], 'queued', 1)
put_delivery(KEYS[2], KEYS[3], KEYS[4] .. ':' .. ARGV[3], ARGV[3], ARGV[4],
  { meta = ARGV[5], body = ARGV[6], digest = ARGV[7], shares = ARGV[8], endpoint = ARGV[9] })
return 1
