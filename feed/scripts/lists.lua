-- Functions for lists of entry ids, for all scripts in this directory. `feed/reads.py` describes a list.

-- Ids are compared as text, because a Lua number holds 16 digits and an id has up to 19.
local function is_newer(a, b)
  if #a == #b then return a > b end
  return #a > #b
end

local function is_building(last) return string.find(last, '^-%d') ~= nil end

local function is_in_order(list)
  for i = 2, #list do
    if not is_newer(list[i - 1], list[i]) then return false end
  end
  return true
end

-- Inserts an entry in order into a list that exists and lacks it.
-- Returns the list's new length, or nil if the list stays as it is.
local function insert(key, entry)
  local head = redis.pcall('LINDEX', key, 0)
  if type(head) ~= 'string' or head == entry then return nil end
  if is_building(head) or is_newer(entry, head) then -- usual: a late backlog comes in order
    return redis.call('LPUSHX', key, entry)
  end
  local list = redis.call('LRANGE', key, 0, -1)
  local marker = is_building(list[#list]) and list[#list]
  for _, id in ipairs(list) do
    if id == entry then return nil end
    if id == marker or is_newer(entry, id) then
      return redis.call('LINSERT', key, 'BEFORE', id, entry)
    end
  end
  return nil -- below the floor, where readers continue in the database
end

-- Replaces a list's elements by the first `count` items. The list expires when it did before.
local function rewrite(key, items, count)
  local ttl = redis.call('PTTL', key)
  redis.call('DEL', key)
  if #items > 0 then
    redis.call('RPUSH', key, unpack(items, 1, math.min(#items, count)))
    if ttl > 0 then redis.call('PEXPIRE', key, ttl) end
  end
end

-- Cuts a list that has grown too long to `shown` entries.
-- The entries around the cut are sorted first: no dropped entry may be newer than the new floor.
-- A list that is being built is dropped. Without its marker it would seem complete down to its last
-- entry, while its builder has yet to add entries above that.
local function trim(key, shown)
  if is_building(redis.call('LINDEX', key, -1)) then
    redis.call('DEL', key)
    return
  end
  local first = math.max(shown - SLACK, 0)
  local tail = redis.call('LRANGE', key, first, -1)
  if is_in_order(tail) then
    redis.call('LTRIM', key, 0, shown - 1)
  else
    table.sort(tail, is_newer)
    if first == 0 then
      rewrite(key, tail, shown)
    else
      redis.call('LTRIM', key, 0, first - 1)
      redis.call('RPUSH', key, unpack(tail, 1, shown - first))
    end
  end
end

-- Replaces `list` by `left`, the part of it that remains after a removal.
-- If the database has older entries and fewer than `enough` are left, the list is dropped, and its next
-- reader builds it: pages by offset must not end early. A list that was short before the removal was
-- filled by another program and is never dropped.
local function shorten(key, list, left, shown, enough)
  local last = list[#list]
  local has_older = last ~= '0' and not is_building(last)
  if has_older and #list >= shown * 0.9 and #left < enough then
    redis.call('DEL', key)
  else
    rewrite(key, left, #left)
  end
end

local function without(list, excluded)
  local rest = {}
  for _, id in ipairs(list) do
    if not excluded[id] then rest[#rest + 1] = id end
  end
  return rest
end

-- Adds an author's entries to a timeline that exists, down to its floor, or removes them.
-- A timeline that is being built is dropped, because its builder may have read the database before the
-- change. The cached entries below its floor (`feed/older_entries.py`) are dropped in any case.
local function change_entries(key, entries, is_added, shown)
  redis.call('DEL', older_key(timeline_owner(key)))
  local floor = redis.pcall('LINDEX', key, -1)
  if type(floor) ~= 'string' then return end -- missing, or a value of another type
  if is_building(floor) then
    redis.call('DEL', key)
    return
  end
  if #entries == 0 then return end
  local list = redis.call('LRANGE', key, 0, -1)
  local sentinel = floor == '0' and table.remove(list) or nil
  local concerned = {}
  for _, id in ipairs(entries) do concerned[id] = true end
  local changed = without(list, concerned)
  if is_added then
    for _, id in ipairs(entries) do
      if sentinel or not is_newer(floor, id) then changed[#changed + 1] = id end
    end
    table.sort(changed, is_newer)
  elseif not sentinel then
    if #changed < #list then shorten(key, list, changed, shown, shown) end
    return
  end
  while #changed > shown do table.remove(changed) end
  if #changed < shown then changed[#changed + 1] = sentinel end
  rewrite(key, changed, #changed)
end
