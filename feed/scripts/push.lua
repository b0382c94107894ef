-- Puts a fresh entry at the head of the timelines that exist, once per marker.
-- KEYS: the marker, the author's recent unfollows, then the timelines.
-- ARGV: the entry, the marker's seconds, entries kept, entries tolerated before a trim.
-- The first of them may be the author's own list, which is kept in order: pages are merged from it.
-- Returns how many lists took it.
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[2]) then
  return 0
end
local entry, kept, tolerated = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local unfollowed = redis.call('EXISTS', KEYS[2]) == 1
local pushed, first = 0, 3
if is_authored(KEYS[3]) then
  first = 4
  local length = put(KEYS[3], entry)
  if length then
    pushed = 1
    if length > tolerated then trim(KEYS[3], kept) end
  end
end
for i = first, #KEYS do
  if not (unfollowed and redis.call('ZSCORE', KEYS[2], timeline_owner(KEYS[i]))) then
    -- a value of another type is not ours to touch: its owner's next read mends it
    local length = redis.pcall('LPUSHX', KEYS[i], entry)
    if type(length) == 'number' and length > 0 then
      pushed = pushed + 1
      if length > tolerated then
        trim(KEYS[i], kept)
      end
    end
  end
end
return pushed
