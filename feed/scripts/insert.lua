-- Puts a late entry in its place in the timelines that exist, where it isn't yet.
-- KEYS: the author's recent unfollows, then the timelines.
-- ARGV: the entry, entries kept, entries tolerated before a trim.
-- Returns how many timelines took it.
local entry, kept, tolerated = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local inserted = 0
for i = 2, #KEYS do
  local length = not redis.call('ZSCORE', KEYS[1], timeline_owner(KEYS[i])) and put(KEYS[i], entry)
  if length then
    inserted = inserted + 1
    if length > tolerated then trim(KEYS[i], kept) end
  end
end
return inserted
