-- What the scripts beside this one share.

-- ids have up to 19 digits, more than a Lua number holds
local function is_newer(a, b)
  if #a == #b then return a > b end
  return #a > #b
end

-- The last element of a list that is being built is `-` and a number, which no two builds share.
local function is_building(last) return string.find(last, '^-%d') ~= nil end

-- Puts an entry in its place in a list that exists and lacks it. Returns how long the list then is, or
-- nothing where it stays as it is.
local function put(key, entry)
  local head = redis.pcall('LINDEX', key, 0)
  if type(head) ~= 'string' or head == entry then return nil end
  if is_building(head) or is_newer(entry, head) then
    return redis.call('LPUSHX', key, entry) -- a backlog comes late and in order
  end
  local list = redis.call('LRANGE', key, 0, -1)
  local marker = is_building(list[#list]) and list[#list]
  for _, id in ipairs(list) do
    if id == entry then return nil end
    if id == marker or is_newer(entry, id) then
      return redis.call('LINSERT', key, 'BEFORE', id, entry)
    end
  end
  return nil -- below the floor: there the database has it
end

-- Gives a list other items, `kept` of them at most. It lives as long as before.
local function rewrite(key, items, kept)
  local ttl = redis.call('PTTL', key)
  redis.call('DEL', key)
  if #items > 0 then
    redis.call('RPUSH', key, unpack(items, 1, math.min(#items, kept)))
    if ttl > 0 then redis.call('PEXPIRE', key, ttl) end
  end
end

local function is_in_order(list)
  for i = 2, #list do
    if not is_newer(list[i - 1], list[i]) then return false end
  end
  return true
end

-- Cuts a list that has grown too long. Entries stand some places off, so those around the cut are sorted
-- first: the last one kept is then newer than all that go, and the database continues below it.
-- A list that is being built is dropped instead: without its marker it would seem complete down to its
-- last entry, and its builder has yet to add entries above that.
local function trim(key, kept)
  if is_building(redis.call('LINDEX', key, -1)) then
    redis.call('DEL', key)
    return
  end
  local first = math.max(kept - SLACK, 0)
  local tail = redis.call('LRANGE', key, first, -1)
  if is_in_order(tail) then
    redis.call('LTRIM', key, 0, kept - 1)
  else
    table.sort(tail, is_newer)
    if first == 0 then
      rewrite(key, tail, kept)
    else
      redis.call('LTRIM', key, 0, first - 1)
      redis.call('RPUSH', key, unpack(tail, 1, kept - first))
    end
  end
end

-- Gives a list what is left of it after entries were taken out. One that goes on in the database is
-- dropped where fewer than `enough` are left, so that its next reader builds it and paging by offset
-- does not end early. Our lists are never shorter than that before; what something else filled stays.
local function shorten(key, list, left, shown, enough)
  local last = list[#list]
  local goes_on = last ~= '0' and not is_building(last)
  if goes_on and #list >= shown * 0.9 and #left < enough then
    redis.call('DEL', key)
  else
    rewrite(key, left, #left)
  end
end

-- Shows entries in a timeline that exists, down to its floor, or hides them. One that is being built is
-- dropped, and built by its next reader: its builder may have asked the database too early. What is
-- cached from below its floor (`feed.older`) is dropped in any case.
local function show(key, entries, shown, kept)
  redis.call('DEL', older_key(timeline_owner(key)))
  local list = redis.pcall('LRANGE', key, 0, -1)
  if list.err or #list == 0 then return end
  local floor, sentinel = list[#list], nil
  if is_building(floor) then
    redis.call('DEL', key)
    return
  end
  if floor == '0' then sentinel = table.remove(list) end
  local concerned, revised = {}, {}
  for _, id in ipairs(entries) do concerned[id] = true end
  for _, id in ipairs(list) do
    if not concerned[id] then revised[#revised + 1] = id end
  end
  if shown then
    for _, id in ipairs(entries) do
      -- a list without a sentinel goes on in the database below its last entry
      if sentinel or not is_newer(floor, id) then revised[#revised + 1] = id end
    end
    table.sort(revised, is_newer)
  elseif not sentinel then
    if #revised < #list then shorten(key, list, revised, kept, kept) end
    return
  end
  while #revised > kept do table.remove(revised) end
  if #revised < kept then revised[#revised + 1] = sentinel end
  rewrite(key, revised, #revised)
end
