-- Makes a list exist, marked as being built, unless it exists.
-- KEYS: the list. ARGV: the marker of this build, the idle seconds after which the list expires.
-- Returns the list's last element: the marker of the build under way, or something else where the list
-- is complete.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('RPUSH', KEYS[1], ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return redis.call('LINDEX', KEYS[1], -1)
