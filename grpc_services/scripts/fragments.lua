-- What a page shows of `entries`, an array of ids, as the cache has it.
-- Returns: blobs of the entries, ids of the originals of reposts and their blobs, ids of the authors
-- and their blobs, and the marks. grpc_services/fragments.py says what a blob looks like; false
-- stands for what is not cached.
local function cached(entries, marks_key)
  local call, match = redis.call, string.match

  local function fetch(prefix, ids)
    if #ids == 0 then return {} end
    local keys = {}
    for i = 1, #ids do keys[i] = prefix .. ids[i] end
    return call('MGET', unpack(keys))
  end

  -- an array of ids, each once
  local function collect(ids, seen, id)
    if not seen[id] then
      seen[id] = true
      ids[#ids + 1] = id
    end
  end

  local blobs = fetch('tweet:', entries)
  local tweets, original_ids, originals_seen, user_ids, users_seen = {}, {}, {}, {}, {}
  for i = 1, #entries do
    tweets[i] = entries[i]
    local blob = blobs[i]
    if blob then
      local author = match(blob, '^T(%d+)|')
      if author then
        collect(user_ids, users_seen, author)
      else
        local original, reposter = match(blob, '^R(%d+)|(%d+)')
        if original then
          tweets[i] = original
          collect(original_ids, originals_seen, original)
          collect(user_ids, users_seen, reposter)
        end
      end
    end
  end
  local originals = fetch('tweet:', original_ids)
  for i = 1, #originals do
    local author = originals[i] and match(originals[i], '^T(%d+)|')
    if author then collect(user_ids, users_seen, author) end
  end

  local marks = {}
  if #tweets > 0 then
    marks = redis.pcall('HMGET', marks_key, unpack(tweets))
    if marks.err then marks = {} end -- a value of another type
  end
  return {blobs, original_ids, originals, user_ids, fetch('user:', user_ids), marks}
end
