-- Takes entries out of the lists that exist.
-- KEYS: the lists. ARGV: entries shown, then the entries to take out. Returns how many lists changed.
-- A list may fall a tenth short of the entries shown before it is dropped and built again: each build
-- then stands for many deletions.
local shown, gone = tonumber(ARGV[1]), {}
for i = 2, #ARGV do gone[ARGV[i]] = true end
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
      shorten(key, list, left, shown, shown * 0.9)
    end
  end
end
return changed
