-- A part of a timeline and what is cached of it, in one go. Nothing where the list is missing, being
-- built or not plainly in order: then it is read and sorted elsewhere.
-- KEYS: the timeline, the viewer's marks.
-- ARGV: the entry below which to begin or '', else the offset; limit, entries shown, idle seconds.
-- Returns: entries, whether the list has more of them, whether it reaches the beginning, and what
-- `cached` returns for the entries.
local before, offset = ARGV[1], tonumber(ARGV[2])
local limit, shown = tonumber(ARGV[3]), tonumber(ARGV[4])
local last = redis.pcall('LINDEX', KEYS[1], -1)
if type(last) ~= 'string' or last == '-1' then return false end
redis.call('EXPIRE', KEYS[1], ARGV[5])

-- ids have up to 19 digits, more than a Lua number holds
local function is_newer(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end

-- entries that overtook each other stand at most some places off
local reach = shown
if before == '' then reach = math.min(shown, offset + limit + 64) end
local list = redis.call('LRANGE', KEYS[1], 0, reach - 1)
if list[#list] == '0' then list[#list] = nil end
local first = before == '' and offset + 1 or #list + 1
for i, id in ipairs(list) do
  if not string.find(id, '^[1-9]%d*$') or (i > 1 and not is_newer(list[i - 1], id)) then
    return false
  end
  if before ~= '' and i < first and is_newer(before, id) then first = i end
end

local entries = {}
for i = first, math.min(first + limit - 1, #list) do entries[#entries + 1] = list[i] end
local has_more = first + limit - 1 < #list
return {entries, has_more and 1 or 0, last == '0' and 1 or 0, cached(entries, KEYS[2])}
