-- Makes a timeline show or not show an author, unless newer news of the pair was settled already.
-- KEYS: the timeline, the author's recent follows, the author's recent unfollows, the authors who
--       are pulled, those of them whom the follower is known to follow.
-- ARGV: the follower, the author, '1' or '0' for following, the news' time in ms, the oldest time
--       remembered, the memory's seconds, entries kept, then the author's entries, newest first.
-- Returns 1 where the timeline now tells what is asked, 0 where newer news did.
local follower, author, following, at = ARGV[1], ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
if redis.call('HEXISTS', KEYS[4], author) == 1 then redis.call('DEL', KEYS[5]) end

local mine, other = KEYS[3], KEYS[2]
if following then mine, other = KEYS[2], KEYS[3] end
local settled = redis.call('ZSCORE', other, follower)
if settled and tonumber(settled) > at then return 0 end
redis.call('ZREM', other, follower)
redis.call('ZADD', mine, at, follower)
redis.call('ZREMRANGEBYSCORE', mine, '-inf', ARGV[5])
redis.call('EXPIRE', mine, ARGV[6])

if not following and redis.pcall('LINDEX', KEYS[1], -1) == '-1' then
  redis.call('DEL', KEYS[1]) -- a rebuild under way may have read the author's entries
else
  show(KEYS[1], {unpack(ARGV, 8)}, following, tonumber(ARGV[7]))
end
return 1
