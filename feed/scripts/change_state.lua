-- Changes how an author's entries reach readers, unless it has changed meanwhile.
-- KEYS: the authors who are pulled. ARGV: the author, what must stand of it, what shall ('' where it
-- doesn't). Returns 1 where it was changed, else 0.
if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 1
