-- A job that goes back was not started: its starts are bounded, since a job that kills every worker is told by them.
--
-- KEYS  1 job (hash)

if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HINCRBY', KEYS[1], 'ats', -1) end
