-- Takes tokens from every bucket, or from none. A bucket is the time at which it is full again
-- (the generic cell rate algorithm): one number, and no key at all for a bucket that is full.
--
-- KEYS: the buckets
-- ARGV: the most tokens wanted (negative: given back), then for each bucket how many it holds and
--       the microseconds in which it fills up
-- Returns the tokens taken, the microseconds to wait where that is none, and for each bucket the
-- tokens left and the microseconds until it is full. Redis' clock counts, for all processes.

local NEARLY = 0.001  -- of a token: times are whole microseconds

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local most = tonumber(ARGV[1])

local full_at, taken, wait = {}, most, 0
for i, key in ipairs(KEYS) do
    local size, period = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local kept = tonumber(redis.call('GET', key) or now) or now
    -- no further than its period, should the clock have been put back
    full_at[i] = kept > now and math.min(kept, now + period) or now
    taken = math.min(taken, math.floor((period - (full_at[i] - now)) * size / period + NEARLY))
    wait = math.max(wait, full_at[i] + period / size - period - now)
end
if most > 0 then
    taken = math.max(taken, 0)
end

local answer = { taken, taken == 0 and math.ceil(wait) or 0 }
for i, key in ipairs(KEYS) do
    local size, period = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local empty_for = full_at[i] + taken * period / size - now
    if taken < 0 and empty_for <= 0 then
        redis.call('DEL', key)
    elseif taken ~= 0 then
        local full = string.format('%.0f', now + empty_for)
        redis.call('SET', key, full, 'PX', math.ceil(empty_for / 1000))
    end
    empty_for = math.max(empty_for, 0)
    answer[#answer + 1] = math.floor((period - empty_for) * size / period + NEARLY)
    answer[#answer + 1] = math.ceil(empty_for)
end
return answer
