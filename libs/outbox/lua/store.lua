-- Deliveries and dead letters, as the scripts of this folder keep them. After `ledger.lua`.
--
-- <delivery prefix>:<id>  hash  meta (JSON)  body  digest  shares (JSON: [[collector, points], …])  endpoint
-- <letter prefix>:<id>    hash  the same, and state: dead | late
-- deliveries              zset  delivery id by the order in which they are dropped, the first first
-- letters                 zset  letter id by the moment of its death (ms)
-- outbox                  hash  bytes, points: what the deliveries hold
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
  put(item, content)
  redis.call('HSET', item, 'state', state)
  redis.call('ZADD', letters, died, id)
  remember_untold(letters, content)
  return true
end

-- A letter ends; its points are counted as something else from now on. Gives them.
local function delete_letter(ledger, letters, item, id, as)
  local endpoint, state = unpack(redis.call('HMGET', item, 'endpoint', 'state'))
  local shares = shares_of(item)
  redis.call('DEL', item)
  redis.call('ZREM', letters, id)
  if not endpoint or not state then return 0 end
  ledger_shares(ledger, shares, endpoint, state, -1)
  ledger_shares(ledger, shares, endpoint, as, 1)
  return points_of(shares)
end

-- What the oldest letters make room for is counted as dropped.
local function drop_letters(ledger, letters, prefix, most)
  local over = redis.call('ZCARD', letters) - most
  if over <= 0 then return end
  for _, id in ipairs(redis.call('ZRANGE', letters, 0, over - 1)) do
    local item = prefix .. ':' .. id
    delete_letter(ledger, letters, item, id, 'dropped')
  end
end
