-- What operators have paused. Put before the scripts that have to know.

-- Since when (ms) a collector is paused by an operator: itself, its input, or the fleet; nil: it is not.
-- pauses: hash, '*' | 'input:<input>' | 'one:<collector>' → JSON with atMs. collector: hash with its record.
local function paused_since(pauses, collector)
  if redis.call('EXISTS', pauses) == 0 then return nil end
  local text = redis.call('HGET', collector, 'record')
  if not text then return nil end
  local record = cjson.decode(text)
  local since = nil
  for _, order in ipairs(redis.call('HMGET', pauses, '*', 'input:' .. record.input, 'one:' .. record.id)) do
    if order then
      local at = tonumber(cjson.decode(order).atMs) or 0
      if not since or at < since then since = at end
    end
  end
  return since
end
