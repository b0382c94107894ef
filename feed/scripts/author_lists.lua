-- Merges a timeline with the lists of the pulled authors whom its owner follows.
--
-- The merge takes the newest of the lists' heads from a heap, again and again. So it reads only as many
-- entries of each list as the page shows. A list is a table with the `items` in memory and the index `at`
-- of its `head`. An author's list also has its `key` and `count`, how many entries to read from position
-- `next`.

-- The keys of the authors' lists, or nil if accounts must be asked whom the owner follows.
local function pulled_lists(states_key, followed_key)
  if redis.call('HLEN', states_key) < 2 then return {} end -- the version only
  local version = redis.call('HGET', states_key, 'version')
  local followed, prefix = redis.pcall('GET', followed_key), version .. ':'
  if type(followed) ~= 'string' or string.sub(followed, 1, #prefix) ~= prefix then return nil end
  local keys = {}
  for author in string.gmatch(string.sub(followed, #prefix + 1), '%d+') do
    keys[#keys + 1] = authored_key(author)
  end
  return keys
end

-- An author's list, from the first entry below `before`.
local function open(key, before, count)
  local length = before ~= '' and redis.pcall('LLEN', key)
  local first = type(length) == 'number' and find_position(key, length, before) or 0
  return {key = key, before = before, next = first, count = count, items = {}, at = 0}
end

-- Reads the list's next entries, twice as many each time. Returns false if Python must repair the list:
-- it is missing, being built or of another type, or another program put it out of order.
local function refill(list)
  local items = redis.pcall('LRANGE', list.key, list.next, list.next + list.count - 1)
  if items.err or #items == 0 and list.next == 0 then return false end
  if #items > 0 and is_building(items[#items]) then return false end
  local above = list.items[#list.items] or list.before
  if not is_in_order(items) or above ~= '' and items[1] and not is_newer(above, items[1]) then
    sort_list(list.key, redis.call('LINDEX', list.key, -1) == '0' and '0' or nil)
    return false
  end
  list.items, list.at = items, 1
  list.next, list.count = list.next + #items, 2 * list.count
  return true
end

-- Moves to the list's next entry. Returns the entry, '0' after the first entry of all, or nil below the
-- floor, and then whether Python must repair the list.
local function advance(list)
  list.at = list.at + 1
  if list.at > #list.items and list.key and not refill(list) then return nil, true end
  list.head = list.items[list.at]
  return list.head, false
end

local function sift_down(heap, i)
  local list, size = heap[i], #heap
  while 2 * i <= size do
    local child = 2 * i
    if child < size and is_newer(heap[child + 1].head, heap[child].head) then child = child + 1 end
    if not is_newer(heap[child].head, list.head) then break end
    heap[i], i = heap[child], child
  end
  heap[i] = list
end

-- The `count` newest entries of the lists, down to the highest of their floors, and whether these are all
-- entries that exist. nil if Python must repair a list.
local function merge_lists(lists, count)
  local heap, merged = {}, {}
  for _, list in ipairs(lists) do
    local head, is_broken = advance(list)
    if is_broken then return nil end
    if not head then return {}, false end
    if head ~= '0' then heap[#heap + 1] = list end
  end
  for i = math.floor(#heap / 2), 1, -1 do sift_down(heap, i) end
  while heap[1] do
    local list = heap[1]
    if list.head ~= merged[#merged] then merged[#merged + 1] = list.head end
    if #merged == count then return merged, false end
    local head, is_broken = advance(list)
    if is_broken then return nil end
    if not head then return merged, false end
    if head == '0' then
      heap[1] = heap[#heap]
      heap[#heap] = nil
    end
    if heap[1] then sift_down(heap, 1) end
  end
  return merged, true
end
