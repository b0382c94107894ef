-- Puts a late entry in its place in the timelines that exist, where it isn't yet.
-- KEYS: the author's recent unfollows, then the timelines.
-- ARGV: the entry, entries kept, entries tolerated before a trim.
-- Returns how many timelines took it.
local entry = ARGV[1]
-- where the entry goes in, or nothing where it must not
local function place(list)
  for position, id in ipairs(list) do
    if id == entry then return nil end
    if is_newer(entry, id) or id == '-1' then return position end
  end
  return nil -- below the floor: there the database has it
end
local kept, tolerated = tonumber(ARGV[2]) - 1, tonumber(ARGV[3])
-- how long the list is with the entry, or nothing where it stays as it is
local function put(timeline)
  local head = redis.pcall('LINDEX', timeline, 0)
  if type(head) ~= 'string' or head == entry then return nil end
  if head == '-1' or is_newer(entry, head) then
    return redis.call('LPUSHX', timeline, entry) -- a backlog comes late and in order
  end
  local list = redis.call('LRANGE', timeline, 0, -1)
  local position = place(list)
  return position and redis.call('LINSERT', timeline, 'BEFORE', list[position], entry)
end
local inserted = 0
for i = 2, #KEYS do
  local length = not redis.call('ZSCORE', KEYS[1], owner(KEYS[i])) and put(KEYS[i])
  if length then
    inserted = inserted + 1
    if length > tolerated then redis.call('LTRIM', KEYS[i], 0, kept) end
  end
end
return inserted
