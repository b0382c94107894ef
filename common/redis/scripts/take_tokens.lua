-- Takes tokens from all buckets, or from none. A bucket is stored as the time at which it is full
-- again (the generic cell rate algorithm): one number, and no key for a full bucket.
--
-- KEYS: the buckets
-- ARGV: the tokens wanted at most (negative: tokens given back), then for each bucket its size in
--       tokens and the microseconds in which it fills up
-- Returns the tokens taken, the microseconds until the next token if none was taken, and for each
-- bucket its tokens and the microseconds until it is full. All processes share Redis' clock.

local NEARLY = 0.001  -- of a token, because times are rounded to microseconds

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local most = tonumber(ARGV[1])

local full_at, taken, wait = {}, most, 0
for i, key in ipairs(KEYS) do
    local size, period = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local stored = tonumber(redis.call('GET', key) or now) or now
    -- at most one period ahead, in case the clock was set back
    full_at[i] = stored > now and math.min(stored, now + period) or now
    taken = math.min(taken, math.floor((period - (full_at[i] - now)) * size / period + NEARLY))
    wait = math.max(wait, full_at[i] + period / size - period - now)
end
if most > 0 then
    taken = math.max(taken, 0)
end

local reply = { taken, taken == 0 and math.ceil(wait) or 0 }
for i, key in ipairs(KEYS) do
    local size, period = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local full_in = full_at[i] + taken * period / size - now
    if taken < 0 and full_in <= 0 then
        redis.call('DEL', key)
    elseif taken ~= 0 then
        local value = string.format('%.0f', now + full_in)
        redis.call('SET', key, value, 'PX', math.ceil(full_in / 1000))
    end
    full_in = math.max(full_in, 0)
    reply[#reply + 1] = math.floor((period - full_in) * size / period + NEARLY)
    reply[#reply + 1] = math.ceil(full_in)
end
return reply
