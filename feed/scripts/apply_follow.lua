-- Applies a follow relation to the follower's timeline, unless a newer version of it was applied.
-- KEYS: the timeline, the version applied last, the author's recent unfollows, the states of pulled
--       authors, the cached pulled authors whom the follower follows.
-- ARGV: the follower, the author, '1' if following else '0', the relation's version (0 if unknown),
--       the seconds that it is remembered, entries shown, then the author's entries, newest first.
-- Returns 1 if the relation was applied, else 0.
local follower, author, following, version = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local is_pulled = redis.call('HEXISTS', KEYS[4], author) == 1
if is_pulled then redis.call('DEL', KEYS[5]) end

if version > 0 then
  local applied = tonumber(redis.call('GET', KEYS[2]) or '0')
  if applied > version then return 0 end
  redis.call('SET', KEYS[2], ARGV[4], 'EX', ARGV[5])
end

if following then
  redis.call('ZREM', KEYS[3], follower)
else
  local time = redis.call('TIME')
  local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('ZADD', KEYS[3], now_ms, follower)
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now_ms - ARGV[5] * 1000)
  redis.call('EXPIRE', KEYS[3], ARGV[5])
end

-- The timeline may hold older entries of a pulled author than those given. Its next reader builds it.
if is_pulled and not following then redis.call('DEL', KEYS[1]) end
change_entries(KEYS[1], {unpack(ARGV, 7)}, following, tonumber(ARGV[6]))
return 1
