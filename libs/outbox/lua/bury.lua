-- Points of runs that are refused for good.
--
-- KEYS  1 ledger  2 letters  3 letter prefix
-- ARGV  1 letters kept  2 bytes of letters kept, then for each letter: id, died (ms), state, meta, body, digest, shares, endpoint

for at = 3, #ARGV, 8 do
  local endpoint = ARGV[at + 7]
  local content = { meta = ARGV[at + 3], body = ARGV[at + 4], digest = ARGV[at + 5], shares = ARGV[at + 6], endpoint = endpoint }
  if put_letter(KEYS[2], KEYS[3] .. ':' .. ARGV[at], ARGV[at], ARGV[at + 1], ARGV[at + 2], content) then
    local shares = cjson.decode(ARGV[at + 6])
    ledger_shares(KEYS[1], shares, endpoint, 'emitted', 1)
    ledger_shares(KEYS[1], shares, endpoint, ARGV[at + 2], 1)
  end
end
drop_letters(KEYS[1], KEYS[2], KEYS[3], tonumber(ARGV[1]), tonumber(ARGV[2]))
return 1
