-- Changes an author's state in the hash of pulled authors, unless it has changed meanwhile.
-- KEYS: the hash. ARGV: the author, the expected state, the new state; '' is no state.
-- Returns 1 if the state was changed, else 0.
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 1
