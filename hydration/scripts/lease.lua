-- Stores a lease under each key, before its value is read. A lease that is there already stays.
-- KEYS: the viewer's marks, then the keys. ARGV: the lease, its seconds, then the tweets of the marks.
for i = 2, #KEYS do
  local value = redis.pcall('GET', KEYS[i]) -- an error table if the value is of another type
  if type(value) ~= 'string' or string.sub(value, 1, 1) ~= 'L' then
    redis.call('SET', KEYS[i], ARGV[1], 'EX', ARGV[2])
  end
end
if #ARGV > 2 and redis.call('TYPE', KEYS[1]).ok ~= 'hash' then
  redis.call('DEL', KEYS[1])
end
for i = 3, #ARGV do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[1]) -- fields don't expire: the earlier holder may be dead
end
-- The leases may have created the hash: it expires with them, unless fill.lua extends it.
if #ARGV > 2 and redis.call('TTL', KEYS[1]) < 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return 1
