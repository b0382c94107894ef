-- Makes a timeline exist, marked as being built, unless it exists.
-- KEYS: the timeline. ARGV: the idle seconds after which it is forgotten.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('RPUSH', KEYS[1], '-1')
  redis.call('EXPIRE', KEYS[1], ARGV[1])
end
return 1
