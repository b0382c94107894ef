-- Takes entries out of the timelines that exist.
-- KEYS: the timelines. ARGV: the entries. Returns how many timelines changed.
local gone = {}
for _, id in ipairs(ARGV) do gone[id] = true end
local changed = 0
for _, key in ipairs(KEYS) do
  local list = redis.pcall('LRANGE', key, 0, -1)
  if not list.err and #list > 0 then
    local left = {}
    for _, id in ipairs(list) do
      if not gone[id] then left[#left + 1] = id end
    end
    if #left < #list then
      changed = changed + 1
      local ttl = redis.call('TTL', key)
      redis.call('DEL', key)
      if #left > 0 then
        redis.call('RPUSH', key, unpack(left))
        if ttl > 0 then redis.call('EXPIRE', key, ttl) end
      end
    end
  end
end
return changed
