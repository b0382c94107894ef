-- What a page shows of `entries`, an array of ids, as the cache has it.
-- Returns: blobs of the entries, of the originals of reposts, of the authors, and the marks.
-- grpc_services/fragments.py says what a blob looks like; false stands for what is not cached.
local function cached(entries, marks_key)
  local function fetch(prefix, ids)
    if #ids == 0 then return {} end
    local keys = {}
    for i, id in ipairs(ids) do keys[i] = prefix .. id end
    return redis.call('MGET', unpack(keys))
  end
  -- the numbers that stand in front of a blob
  local function head(blob, pattern)
    if blob then return string.match(blob, pattern) end
  end

  local blobs = fetch('tweet:', entries)
  local tweets, original_ids, asked = {}, {}, {}
  for i, id in ipairs(entries) do
    local original = head(blobs[i], '^R(%d+)|')
    tweets[i] = original or id
    if original and not asked[original] then
      asked[original] = true
      original_ids[#original_ids + 1] = original
    end
  end
  local originals = fetch('tweet:', original_ids)

  local user_ids, seen = {}, {}
  local function see(user_id)
    if user_id and not seen[user_id] then
      seen[user_id] = true
      user_ids[#user_ids + 1] = user_id
    end
  end
  for _, blob in ipairs(blobs) do see(head(blob, '^T(%d+)|') or head(blob, '^R%d+|(%d+)')) end
  for _, blob in ipairs(originals) do see(head(blob, '^T(%d+)|')) end
  local users = fetch('user:', user_ids)

  local marks = {}
  if #tweets > 0 then
    marks = redis.pcall('HMGET', marks_key, unpack(tweets))
    if marks.err then marks = {} end -- a value of another type
  end
  return {blobs, original_ids, originals, user_ids, users, marks}
end
