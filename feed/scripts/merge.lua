-- Puts an author's entries into the timelines that exist.
-- KEYS: the author's recent unfollows, then the timelines. ARGV: entries kept, then the entries.
-- Returns how many timelines it looked at.
local entries = {unpack(ARGV, 2)}
for i = 2, #KEYS do
  if not redis.call('ZSCORE', KEYS[1], timeline_owner(KEYS[i])) then
    show(KEYS[i], entries, true, tonumber(ARGV[1]))
  end
end
return #KEYS - 1
