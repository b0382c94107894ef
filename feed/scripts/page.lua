-- A page of a timeline and what is cached of it, in one go: the timeline's list, merged with those
-- of the pulled authors whom its owner follows. Nothing where a list is missing or being built, or
-- holds what is no id, or where it isn't known whom the owner follows: then Python has a look.
-- KEYS: the timeline, the viewer's marks, the authors who are pulled, those of them followed.
-- ARGV: the entry below which to begin or '', else the offset; limit, entries shown, idle seconds.
-- Returns: entries, whether the lists have more of them, whether they reach the beginning, and what
-- `cached` returns for the entries.
local before, offset = ARGV[1], tonumber(ARGV[2])
local limit, shown, idle = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local SLACK = 64 -- entries are pushed as they come, and stand some places off at most

-- The lists to merge with the timeline, or nothing where somebody must ask accounts.
local function pulled()
  if redis.call('HLEN', KEYS[3]) < 2 then return {} end -- no author but the version
  local version = redis.call('HGET', KEYS[3], 'version')
  local known, head = redis.pcall('GET', KEYS[4]), version .. ':'
  if type(known) ~= 'string' or string.sub(known, 1, #head) ~= head then return nil end
  local keys = {}
  for author in string.gmatch(string.sub(known, #head + 1), '%d+') do
    keys[#keys + 1] = 'authored:' .. author
  end
  return keys
end

-- Where a list of this length goes below `before`, give or take what stands out of order.
local function search(key, length)
  local low, high = 0, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    if is_newer(before, redis.call('LINDEX', key, middle)) then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

local function are_ids(list)
  for i = 1, #list do
    if not string.find(list[i], '^[1-9]%d*$') then return false end
  end
  return true
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

-- Sorts a list for good, and takes doubles out: an entry that a rebuild has read comes again. Not
-- if it holds what is no id.
local function put_in_order(key, sentinel)
  local list = redis.call('LRANGE', key, 0, sentinel and -2 or -1)
  if not are_ids(list) then return false end
  table.sort(list, is_newer)
  local kept = {}
  for i, id in ipairs(list) do
    if id ~= list[i - 1] then kept[#kept + 1] = id end
  end
  kept[#kept + 1] = sentinel
  rewrite(key, kept, #kept)
  return true
end

-- The part of a list that the page may show, in order, and the entry below which it tells nothing.
local function read(key)
  local last = redis.pcall('LINDEX', key, -1)
  if type(last) ~= 'string' or last == '-1' then return nil end
  local length = redis.call('LLEN', key)
  local is_whole = last == '0'
  if is_whole then length = length - 1 end
  if length > shown then length, is_whole = shown, false end
  local first, count = 0, offset + limit + SLACK
  if before ~= '' then
    first, count = math.max(search(key, length) - SLACK, 0), limit + 2 * SLACK
  end
  local stop = math.min(first + count, length)
  local list = {}
  if first < stop then list = redis.call('LRANGE', key, first, stop - 1) end
  if first > 0 and is_newer(before, list[1]) then return nil end -- what is no id misled the search
  if not is_in_order(list) then
    if not put_in_order(key, last == '0' and last or nil) then return nil end
    return read(key)
  end
  return list, not (is_whole and stop == length) and list[#list] or nil
end

redis.pcall('EXPIRE', KEYS[1], idle)
local found, horizon = read(KEYS[1])
local others = found and pulled()
if not others then return false end
if #others > 0 then
  local seen = {}
  for _, id in ipairs(found) do seen[id] = true end
  for _, key in ipairs(others) do
    local list, bottom = read(key)
    if not list then return false end
    if bottom and (not horizon or is_newer(bottom, horizon)) then horizon = bottom end
    for _, id in ipairs(list) do
      if not seen[id] then
        seen[id] = true
        found[#found + 1] = id
      end
    end
  end
  table.sort(found, is_newer)
end

-- from here to there in `found`
local first, stop, is_complete = offset + 1, #found, not horizon
if before == '' then
  stop = math.min(stop, shown)
  is_complete = is_complete and stop == #found
else
  first = 1
  while first <= stop and not is_newer(before, found[first]) do first = first + 1 end
end
while stop > 0 and horizon and is_newer(horizon, found[stop]) do stop = stop - 1 end
local entries = {unpack(found, first, math.min(first + limit - 1, stop))}
if not are_ids(entries) then return false end
local has_more = first + limit - 1 < stop
return {entries, has_more and 1 or 0, is_complete and 1 or 0, cached(entries, KEYS[2])}
