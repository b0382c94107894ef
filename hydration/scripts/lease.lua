-- Takes a lease on what is not cached, before it is read.
-- KEYS: the viewer's marks, then keys. ARGV: the lease, its seconds, then the tweets of the marks.
for i = 2, #KEYS do
  local held = redis.pcall('GET', KEYS[i]) -- an error where it is of another type
  if type(held) ~= 'string' or string.sub(held, 1, 1) ~= 'L' then
    redis.call('SET', KEYS[i], ARGV[1], 'EX', ARGV[2])
  end
end
if #ARGV > 2 and redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  redis.call('DEL', KEYS[1])
end
for i = 3, #ARGV do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) -- the holder of an earlier lease may have died
end
-- a hash that these leases created expires with them, unless `fill` extends it
if #ARGV > 2 and redis.call('TTL', KEYS[1]) < 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 1
