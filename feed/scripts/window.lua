-- Reads the window of a timeline's list that a page shows entries from.

local function are_ids(list)
  for i = 1, #list do
    if not string.find(list[i], '^[1-9]%d*$') then return false end
  end
  return true
end

-- The position of the first entry below `before` in a list of this length, exact if the list is in order.
-- The search doubles its steps before it bisects, because most pages are near the head.
local function find_position(key, length, before)
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

-- Sorts a list in Redis and removes duplicates: fan-out pushes an entry that a build has read, too.
-- Returns false, and changes nothing, if the list holds an element that is no id.
local function sort_list(key, sentinel)
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

-- The entries around the page, in order, and whether the window reaches the first entry of all.
-- The window exceeds the page by SLACK entries on both sides, because entries may be out of order by that.
-- nil if the list is missing, being built or of another type, or holds elements that are no ids.
local function read_window(key, before, offset, limit, shown)
  local last = redis.pcall('LINDEX', key, -1)
  if type(last) ~= 'string' or is_building(last) then return nil end
  local sentinel = last == '0' and last or nil
  local length = redis.call('LLEN', key) - (sentinel and 1 or 0)
  local first, count = 0, offset + limit + SLACK
  if before ~= '' then
    first = math.max(find_position(key, math.min(length, shown), before) - SLACK, 0)
    count = limit + 2 * SLACK
  end
  local stop = math.min(first + count, length)
  local window = {}
  if first < stop then window = redis.call('LRANGE', key, first, stop - 1) end
  if first > 0 and is_newer(before, window[1]) then return nil end -- an element that is no id misled the search
  if not is_in_order(window) then
    if not sort_list(key, sentinel) then return nil end
    return read_window(key, before, offset, limit, shown)
  end
  -- cut after sorting: an entry past `shown` may have been newer than one before it
  for i = #window, shown - first + 1, -1 do window[i] = nil end
  return window, sentinel ~= nil and first + #window == length
end
