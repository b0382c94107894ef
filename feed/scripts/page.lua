-- A page of a timeline and what is cached of it, in one go: the timeline's list, merged with those
-- of the pulled authors whom its owner follows. Nothing where a list is missing or being built, or
-- holds what is no id, or where it isn't known whom the owner follows: then Python has a look.
-- KEYS: the timeline, the viewer's marks, the authors who are pulled, those of them followed.
-- ARGV: the entry below which to begin or '', else the offset; limit, entries shown, idle seconds.
-- Returns: entries, whether the lists have more of them, whether they reach the beginning, and what
-- `cached` returns for the entries.
local before, offset = ARGV[1], tonumber(ARGV[2])
local limit, shown, idle = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]

-- The lists to merge with the timeline, or nothing where somebody must ask accounts.
local function pulled()
  if redis.call('HLEN', KEYS[3]) < 2 then return {} end -- no author but the version
  local version = redis.call('HGET', KEYS[3], 'version')
  local known, head = redis.pcall('GET', KEYS[4]), version .. ':'
  if type(known) ~= 'string' or string.sub(known, 1, #head) ~= head then return nil end
  local keys = {}
  for author in string.gmatch(string.sub(known, #head + 1), '%d+') do
    keys[#keys + 1] = authored_key(author)
  end
  return keys
end

-- Where a list of this length goes below `before`, give or take what stands out of order. Mostly
-- that is near its head.
local function search(key, length)
  local low, high = 0, 0
  while high < length and not is_newer(before, redis.call('LINDEX', key, high)) do
    low, high = high + 1, 2 * high + 1
  end
  high = math.min(high, length)
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
  if type(last) ~= 'string' or is_building(last) then return nil end
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

-- Lists are merged by taking the newest of their heads, of which a heap has the newest on top. So no
-- more of them is read than the page shows. A list is a table: the `items` in hand, which of them is
-- its `head`, and where the `next` ones stand under its `key`.

local is_odd = false -- whether Python must have a look

-- The next entries of an author's own list, twice as many each time. It is always in order.
local function refill(list)
  local items = redis.pcall('LRANGE', list.key, list.next, list.next + list.count - 1)
  is_odd = items.err or #items == 0 and list.next == 0 or #items > 0 and is_building(items[#items])
  if is_odd then return end
  local above = list.items[#list.items] or before
  if not is_in_order(items) or above ~= '' and items[1] and not is_newer(above, items[1]) then
    put_in_order(list.key, redis.call('LINDEX', list.key, -1) == '0' and '0' or nil)
    is_odd = true -- this time
  end
  list.items, list.at = items, 1
  list.next, list.count = list.next + #items, 2 * list.count
end

-- Goes to the list's next entry, and returns it: '0' where there is none at all, nothing where the list
-- tells no more.
local function advance(list)
  list.at = list.at + 1
  if list.at > #list.items and list.key then refill(list) end
  list.head = list.items[list.at]
  return list.head
end

local function sink(heap, place)
  local list, size = heap[place], #heap
  while 2 * place <= size do
    local child = 2 * place
    if child < size and is_newer(heap[child + 1].head, heap[child].head) then child = child + 1 end
    if not is_newer(heap[child].head, list.head) then break end
    heap[place], place = heap[child], child
  end
  heap[place] = list
end

-- The `count` newest entries of the lists, as far down as all of them tell, and whether they are all
-- there are. Nothing where Python must have a look.
local function merge(lists, count)
  local heap, merged = {}, {}
  for _, list in ipairs(lists) do
    local head = advance(list)
    if is_odd then return nil end
    if not head then return {}, false end
    if head ~= '0' then heap[#heap + 1] = list end
  end
  for place = math.floor(#heap / 2), 1, -1 do sink(heap, place) end
  while heap[1] do
    local list = heap[1]
    if list.head ~= merged[#merged] then merged[#merged + 1] = list.head end
    if #merged == count then return merged, false end
    local head = advance(list)
    if is_odd then return nil end
    if not head then return merged, false end
    if head == '0' then
      heap[1] = heap[#heap]
      heap[#heap] = nil
    end
    if heap[1] then sink(heap, 1) end
  end
  return merged, true
end

-- An author's own list, from below `before` on.
local function open(key, count)
  local length = before ~= '' and redis.pcall('LLEN', key)
  local first = type(length) == 'number' and search(key, length) or 0
  return {key = key, next = first, count = count, items = {}, at = 0}
end

redis.pcall('EXPIRE', KEYS[1], idle)
local found, horizon = read(KEYS[1])
local others = found and pulled()
if not others then return false end
local first, is_complete = 1, not horizon
if before ~= '' then
  while first <= #found and not is_newer(before, found[first]) do first = first + 1 end
end
if #others > 0 then
  if is_complete then found[#found + 1] = '0' end
  local lists = {{items = found, at = first - 1}}
  local count = math.ceil(limit / #others) + 1
  for i, key in ipairs(others) do lists[i + 1] = open(key, count) end
  local wanted = before == '' and math.min(offset + limit, shown) or limit
  found, is_complete = merge(lists, wanted + 1)
  if not found then return false end
  first = 1
end

-- from here to there in `found`
local stop = #found
if before == '' then
  first = offset + 1
  if stop > shown then stop, is_complete = shown, false end
end
local entries = {unpack(found, first, math.min(first + limit - 1, stop))}
if not are_ids(entries) then return false end
local has_more = first + limit - 1 < stop
return {entries, has_more and 1 or 0, is_complete and 1 or 0, cached(entries, KEYS[2])}
