-- Stores the values and marks whose lease is still there. A writer that changed one dropped its lease.
-- KEYS: the viewer's marks, then the keys. ARGV: the lease, seconds, the most marks to keep, the number
-- of keys, their values, then pairs of a tweet and its mark.
local lease, seconds, keys = ARGV[1], ARGV[2], tonumber(ARGV[4])
for i = 1, keys do
  if redis.pcall('GET', KEYS[i + 1]) == lease then
    redis.call('SET', KEYS[i + 1], ARGV[i + 4], 'EX', seconds)
  end
end
for i = keys + 5, #ARGV, 2 do
  if redis.pcall('HGET', KEYS[1], ARGV[i]) == lease then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
if #ARGV > keys + 4 then
  if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[3]) then redis.call('DEL', KEYS[1]) end
  redis.call('EXPIRE', KEYS[1], seconds)
end
return 1
