-- Removes entries from the lists that exist.
-- KEYS: the lists. ARGV: entries shown, then the entries. Returns the number of lists that changed.
-- A list is dropped only when a tenth of it is gone, so one build serves many deletions.
local shown, removed, changed = tonumber(ARGV[1]), {}, 0
for i = 2, #ARGV do removed[ARGV[i]] = true end
for _, key in ipairs(KEYS) do
  local list = redis.pcall('LRANGE', key, 0, -1)
  if not list.err and #list > 0 then
    local left = without(list, removed)
    if #left < #list then
      changed = changed + 1
      shorten(key, list, left, shown, shown * 0.9)
    end
  end
end
return changed
