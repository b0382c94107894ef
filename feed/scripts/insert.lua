-- Inserts a late entry in order into the timelines that exist and lack it.
-- KEYS: the author's recent unfollows, then the timelines. ARGV: the entry, entries shown.
-- Returns the number of timelines that took it.
local entry, shown = ARGV[1], tonumber(ARGV[2])
local inserted = 0
for i = 2, #KEYS do
  local has_unfollowed = redis.call('ZSCORE', KEYS[1], timeline_owner(KEYS[i]))
  local length = not has_unfollowed and insert(KEYS[i], entry)
  if length then
    inserted = inserted + 1
    if length > shown + SLACK then trim(KEYS[i], shown) end
  end
end
return inserted
