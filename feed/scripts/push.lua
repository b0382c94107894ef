-- Pushes a fresh entry onto the timelines that exist, once per marker.
-- KEYS: the marker, the author's recent unfollows, the author's own list (optional), the timelines.
-- ARGV: the entry, the marker's seconds, entries shown.
-- Returns the number of lists that took it.
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[2]) then return 0 end
local entry, shown = ARGV[1], tonumber(ARGV[3])
local most = shown + SLACK
local has_unfollows = redis.call('EXISTS', KEYS[2]) == 1
local pushed, first = 0, 3
if is_authored(KEYS[3]) then -- always in order, because pages are merged from it
  first = 4
  local length = insert(KEYS[3], entry)
  if length then
    pushed = 1
    if length > most then trim(KEYS[3], shown) end
  end
end
for i = first, #KEYS do
  if not (has_unfollows and redis.call('ZSCORE', KEYS[2], timeline_owner(KEYS[i]))) then
    -- fails for a value of another type, which the owner's next read replaces
    local length = redis.pcall('LPUSHX', KEYS[i], entry)
    if type(length) == 'number' and length > 0 then
      pushed = pushed + 1
      if length > most then trim(KEYS[i], shown) end
    end
  end
end
return pushed
