-- A page of a timeline, merged with its pulled authors' lists, and the cached tweets of its entries.
-- KEYS: the timeline, the viewer's marks, the states of pulled authors, the cached pulled authors whom the
--       viewer follows.
-- ARGV: the entry below which the page begins or '', the offset, limit, entries shown, the seconds after
--       which an idle list expires.
-- Returns entries, whether the lists have more, whether the lists reach the first entry of all, and the
-- rows of `cached`. Returns false if Python must build or repair a list, or ask accounts.
local before, offset = ARGV[1], tonumber(ARGV[2])
local limit, shown, idle_seconds = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]

redis.pcall('EXPIRE', KEYS[1], idle_seconds)
local found, is_complete = read_window(KEYS[1], before, offset, limit, shown)
local author_keys = found and pulled_lists(KEYS[3], KEYS[4])
if not author_keys then return false end

local first = 1 -- of the page, in `found`
if before ~= '' then
  while first <= #found and not is_newer(before, found[first]) do first = first + 1 end
end

if #author_keys > 0 then
  if is_complete then found[#found + 1] = '0' end
  local lists = {{items = found, at = first - 1}}
  local count = math.ceil(limit / #author_keys) + 1
  for i, key in ipairs(author_keys) do lists[i + 1] = open(key, before, count) end
  local wanted = before == '' and math.min(offset + limit, shown) or limit
  found, is_complete = merge_lists(lists, wanted + 1)
  if not found then return false end
  first = 1
end

local stop = #found
if before == '' then
  if stop > shown then stop, is_complete = shown, false end
  first = math.min(offset, stop) + 1 -- unpack takes no index above 2^31
end
local entries = {unpack(found, first, math.min(first + limit - 1, stop))}
if not are_ids(entries) then return false end
local has_more = first + limit - 1 < stop
return {entries, has_more and 1 or 0, is_complete and 1 or 0, cached(entries, KEYS[2])}
