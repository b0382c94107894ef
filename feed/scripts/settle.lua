-- Makes a timeline show or not show an author, unless newer news of the pair was settled already.
-- KEYS: the timeline, the author's recent follows, the author's recent unfollows.
-- ARGV: the follower, '1' or '0' for following, the news' time in ms, the oldest time remembered,
--       the memory's seconds, entries kept, then the author's entries, newest first.
-- Returns 1 where the timeline now tells what is asked, 0 where newer news did.
local follower, following, at = ARGV[1], ARGV[2] == '1', tonumber(ARGV[3])
local mine, other = KEYS[3], KEYS[2]
if following then mine, other = KEYS[2], KEYS[3] end
local settled = redis.call('ZSCORE', other, follower)
if settled and tonumber(settled) > at then return 0 end
redis.call('ZREM', other, follower)
redis.call('ZADD', mine, at, follower)
redis.call('ZREMRANGEBYSCORE', mine, '-inf', ARGV[4])
redis.call('EXPIRE', mine, ARGV[5])

local list = redis.pcall('LRANGE', KEYS[1], 0, -1)
if list.err or #list == 0 then return 1 end
if not following and list[#list] == '-1' then
  redis.call('DEL', KEYS[1]) -- a rebuild under way may have read the author's entries
  return 1
end

-- ids have up to 19 digits, more than a Lua number holds
local function is_newer(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end
local concerned = {}
for i = 7, #ARGV do concerned[ARGV[i]] = true end
local sentinel = nil
local revised = {}
for _, id in ipairs(list) do
  if id == '0' or id == '-1' then
    sentinel = id
  elseif not concerned[id] then
    revised[#revised + 1] = id
  end
end
if following then
  local floor = list[#list]
  for i = 7, #ARGV do
    -- a list without a sentinel goes on in the database below its last entry
    if sentinel or not is_newer(floor, ARGV[i]) then
      revised[#revised + 1] = ARGV[i]
    end
  end
  table.sort(revised, is_newer)
end
local kept = tonumber(ARGV[6])
if sentinel and #revised < kept then revised[#revised + 1] = sentinel end
local ttl = redis.call('TTL', KEYS[1])
redis.call('DEL', KEYS[1])
if #revised > 0 then
  redis.call('RPUSH', KEYS[1], unpack(revised, 1, math.min(#revised, kept)))
  if ttl > 0 then redis.call('EXPIRE', KEYS[1], ttl) end
end
return 1
