-- A collector's history: the newest runs, and the long outputs of the newest of them. Put before the scripts that end a run.

-- record, output: JSON; output '' when the record holds all of it.
local function write_history(runs, outputs, record, output, runs_kept, outputs_kept)
  redis.call('LPUSH', runs, record)
  redis.call('LTRIM', runs, 0, runs_kept - 1)
  if output == '' then return end
  redis.call('LPUSH', outputs, output)
  redis.call('LTRIM', outputs, 0, outputs_kept - 1)
end
