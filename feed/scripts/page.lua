-- A part of a timeline and what is cached of it, in one go. Nothing where the list is missing or
-- being built, or holds what is no id: then it is read and sorted elsewhere.
-- KEYS: the timeline, the viewer's marks.
-- ARGV: the entry below which to begin or '', else the offset; limit, entries shown, idle seconds.
-- Returns: entries, whether the list has more of them, whether it reaches the beginning, and what
-- `cached` returns for the entries.
local before, offset = ARGV[1], tonumber(ARGV[2])
local limit, shown, idle = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local last = redis.pcall('LINDEX', KEYS[1], -1)
if type(last) ~= 'string' or last == '-1' then return false end
redis.call('EXPIRE', KEYS[1], idle)

-- ids have up to 19 digits, more than a Lua number holds
local function is_newer(a, b)
  if #a == #b then return a > b end
  return #a > #b
end

local function are_ids(list)
  for i = 1, #list do
    if not string.find(list[i], '^[1-9]%d*$') then return false end
  end
  return true
end

local function read(count)
  local list = redis.call('LRANGE', KEYS[1], 0, count - 1)
  if list[#list] == '0' then list[#list] = nil end
  return list
end

local function is_in_order(list)
  local previous = list[1]
  for i = 2, #list do
    local id = list[i]
    if not is_newer(previous, id) then return false end
    previous = id
  end
  return true
end

-- Sorts the list for good, and takes doubles out: fresh entries are pushed as they come, and one
-- that a rebuild has read already comes again. Not if it holds what is no id.
local function put_in_order()
  local list = read(0)
  if not are_ids(list) then return false end
  table.sort(list, is_newer)
  local kept = {}
  for i, id in ipairs(list) do
    if id ~= list[i - 1] then kept[#kept + 1] = id end
  end
  if last == '0' then kept[#kept + 1] = last end
  redis.call('DEL', KEYS[1])
  redis.call('RPUSH', KEYS[1], unpack(kept))
  redis.call('EXPIRE', KEYS[1], idle)
  return true
end

-- What stands out of order is some places off at most, so the head tells for the rest.
local reach = shown
if before == '' then reach = math.min(shown, offset + limit + 64) end
local list = read(reach)
if not is_in_order(list) then
  if not put_in_order() then return false end
  list = read(reach)
end

local first = offset + 1
if before ~= '' then
  first = #list + 1
  for i, id in ipairs(list) do
    if is_newer(before, id) then
      first = i
      break
    end
  end
end
local entries = {}
for i = first, math.min(first + limit - 1, #list) do entries[#entries + 1] = list[i] end
if not are_ids(entries) then return false end
local has_more = first + limit - 1 < #list
return {entries, has_more and 1 or 0, last == '0' and 1 or 0, cached(entries, KEYS[2])}
