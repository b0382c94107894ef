-- Takes entries out of the lists that exist.
-- KEYS: the lists. ARGV: the entries. Returns how many lists changed.
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
      rewrite(key, left, #left)
    end
  end
end
return changed
