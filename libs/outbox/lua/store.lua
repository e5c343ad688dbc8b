-- Deliveries and dead letters, as the scripts of this folder keep them. After `ledger.lua`.
--
-- <delivery prefix>:<id>  hash  meta (JSON)  body  digest  shares (JSON: [[collector, points], …])  endpoint
-- <letter prefix>:<id>    hash  the same, and state: dead | late
-- <delivery prefix>:<id>:ended  hash  what its points were counted as that left it: endpoint, "<state> <collector>" → points,
--                               dropped (the digest of what was dropped); for a while
-- deliveries              zset  delivery id by the order in which they are dropped, the first first
-- letters                 zset  letter id by the moment of its death (ms)
-- outbox                  hash  bytes, points: what the deliveries hold
-- letters-bytes           string  bytes that the letters hold
-- letters-untold          hash  "<code> <collector>" → points that died and DataKit was not told of

local function points_of(shares)
  local points = 0
  for _, share in ipairs(shares) do points = points + share[2] end
  return points
end

-- None where they are damaged: nobody can say then whose the points are.
local function shares_of(item)
  local readable, shares = pcall(cjson.decode, redis.call('HGET', item, 'shares') or '')
  return readable and shares or {}
end

local function put(item, content)
  redis.call('HSET', item, 'meta', content.meta, 'body', content.body, 'digest', content.digest, 'shares',
    content.shares, 'endpoint', content.endpoint)
end

-- A delivery with its place and weight; the ledger is the caller's.
local function put_delivery(outbox, deliveries, item, id, score, content)
  local bytes, points = #content.body + #content.meta, points_of(cjson.decode(content.shares))
  put(item, content)
  redis.call('HSET', item, 'bytes', bytes, 'points', points)
  redis.call('ZADD', deliveries, score, id)
  redis.call('HINCRBY', outbox, 'bytes', bytes)
  redis.call('HINCRBY', outbox, 'points', points)
end

-- What frees memory comes first: a Redis that has none left lets a script go on that has begun so.
local function delete_delivery(outbox, deliveries, item, id)
  local bytes, points = unpack(redis.call('HMGET', item, 'bytes', 'points'))
  redis.call('DEL', item)
  redis.call('ZREM', deliveries, id)
  redis.call('HINCRBY', outbox, 'bytes', -(tonumber(bytes) or 0))
  redis.call('HINCRBY', outbox, 'points', -(tonumber(points) or 0))
end

local ENDED_MS = 900000

-- Points that leave a delivery: whoever holds them too, for he had no answer when he put them here, can learn of it.
local function remember_ended(item, endpoint, state, shares, by)
  local ended = item .. ':ended'
  for _, share in ipairs(shares) do redis.call('HINCRBY', ended, state .. ' ' .. share[1], by * share[2]) end
  redis.call('HSET', ended, 'endpoint', endpoint)
  redis.call('PEXPIRE', ended, ENDED_MS)
end

-- As if these points had never been here: whoever holds them counts them himself.
local function cancel_ended(ledger, item)
  local ended = item .. ':ended'
  local endpoint = redis.call('HGET', ended, 'endpoint')
  if not endpoint then return end
  local all = redis.call('HGETALL', ended)
  redis.call('DEL', ended)
  for at = 1, #all, 2 do
    local state, collector = string.match(all[at], '^(%a+) (.*)$')
    if state then
      ledger_add(ledger, collector, endpoint, state, -tonumber(all[at + 1]))
      ledger_add(ledger, collector, endpoint, 'emitted', -tonumber(all[at + 1]))
    end
  end
end

-- Of its own events' fate the fleet does not tell.
local function remember_untold(letters, content)
  local code = cjson.decode(content.meta).reason.code
  for _, share in ipairs(cjson.decode(content.shares)) do
    if share[1] ~= 'pythond' then
      redis.call('HINCRBY', letters .. '-untold', code .. ' ' .. share[1], share[2])
    end
  end
end

-- A letter that is there already is the same refusal of the same points of the same run: they were counted then.
-- Gives whether it is new.
local function put_letter(letters, item, id, died, state, content)
  if redis.call('EXISTS', item) == 1 then return false end
  local bytes = #content.body + #content.meta
  put(item, content)
  redis.call('HSET', item, 'state', state, 'bytes', bytes)
  redis.call('ZADD', letters, died, id)
  redis.call('INCRBY', letters .. '-bytes', bytes)
  remember_untold(letters, content)
  return true
end

-- The ledger is the caller's.
local function remove_letter(letters, item, id)
  local bytes = redis.call('HGET', item, 'bytes')
  redis.call('DEL', item)
  redis.call('ZREM', letters, id)
  redis.call('DECRBY', letters .. '-bytes', bytes or 0)
end

-- A letter ends; its points are counted as something else from now on. Gives them.
local function delete_letter(ledger, letters, item, id, as)
  local endpoint, state = unpack(redis.call('HMGET', item, 'endpoint', 'state'))
  local shares = shares_of(item)
  remove_letter(letters, item, id)
  if not endpoint or not state then return 0 end
  ledger_shares(ledger, shares, endpoint, state, -1)
  ledger_shares(ledger, shares, endpoint, as, 1)
  return points_of(shares)
end

-- What the oldest letters make room for is counted as dropped.
local function drop_letters(ledger, letters, prefix, most, most_bytes)
  local function over() return tonumber(redis.call('GET', letters .. '-bytes') or '0') > most_bytes end
  while redis.call('ZCARD', letters) > most or over() do
    local id = redis.call('ZRANGE', letters, 0, 0)[1]
    if not id then break end
    delete_letter(ledger, letters, prefix .. ':' .. id, id, 'dropped')
  end
end
