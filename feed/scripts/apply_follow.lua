-- Makes a timeline show or not show an author, unless a newer answer about the pair was applied before.
-- KEYS: the timeline, the version of the pair's last answer, the author's recent unfollows, the authors
--       who are pulled, those of them whom the follower is known to follow.
-- ARGV: the follower, the author, '1' or '0' for following, the answer's version (0: not known), for
--       how many seconds it is remembered, entries kept, then the author's entries, newest first.
-- Returns 1 where the timeline now shows what the answer says, 0 where a newer answer was applied.
local follower, author, following, version = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local is_pulled = redis.call('HEXISTS', KEYS[4], author) == 1
if is_pulled then redis.call('DEL', KEYS[5]) end

if version > 0 then
  local settled = tonumber(redis.call('GET', KEYS[2]) or '0')
  if settled > version then return 0 end
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

-- A pulled author's entries may be older than all those given. The next reader builds the timeline.
if is_pulled and not following then redis.call('DEL', KEYS[1]) end
show(KEYS[1], {unpack(ARGV, 7)}, following, tonumber(ARGV[6]))
return 1
