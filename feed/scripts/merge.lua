-- Adds an author's entries to the timelines that exist.
-- KEYS: the author's recent unfollows, then the timelines. ARGV: entries shown, then the entries.
-- Returns the number of timelines passed.
local entries = {unpack(ARGV, 2)}
for i = 2, #KEYS do
  if not redis.call('ZSCORE', KEYS[1], timeline_owner(KEYS[i])) then
    change_entries(KEYS[i], entries, true, tonumber(ARGV[1]))
  end
end
return #KEYS - 1
