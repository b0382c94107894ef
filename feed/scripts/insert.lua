-- Puts a late entry in its place in the timelines that exist, where it isn't yet.
-- KEYS: the author's recent unfollows, then the timelines.
-- ARGV: the entry, entries kept.
-- Returns how many timelines took it.
local entry = ARGV[1]
-- ids have up to 19 digits, more than a Lua number holds
local function is_older(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
local function owner(timeline) return string.sub(timeline, 6) end -- behind 'feed:'
-- where the entry goes in, or nothing where it must not
local function place(list)
  for position, id in ipairs(list) do
    if id == entry then return nil end
    if is_older(id, entry) or id == '-1' then return position end
  end
  return nil -- below the floor: there the database has it
end
local inserted = 0
for i = 2, #KEYS do
  local list = redis.pcall('LRANGE', KEYS[i], 0, -1)
  if not list.err and not redis.call('ZSCORE', KEYS[1], owner(KEYS[i])) then
    local position = place(list)
    if position then
      redis.call('LINSERT', KEYS[i], 'BEFORE', list[position], entry)
      redis.call('LTRIM', KEYS[i], 0, tonumber(ARGV[2]) - 1)
      inserted = inserted + 1
    end
  end
end
return inserted
