-- Creates a list that is being built, unless the list exists.
-- KEYS: the list. ARGV: the marker of this build, the seconds after which an idle list expires.
-- Returns the list's last element: the marker of the build in progress, else the list is complete.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('RPUSH', KEYS[1], ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return redis.call('LINDEX', KEYS[1], -1)
