-- What a page shows of `entries`, an array of ids, as the cache has it.
-- Returns five arrays with an item for each entry: its blob, of a repost the blob of its original
-- and of who reposted it, the blob of the tweet's author, and the viewer's mark.
-- hydration/codec.py says what a blob looks like; false stands for what is not cached.
local function cached(entries, marks_key)
  local match, count = string.match, #entries

  local function fetch(prefix, ids)
    if #ids == 0 then return {} end
    local keys = {}
    for i = 1, #ids do keys[i] = prefix .. ids[i] end
    return redis.call('MGET', unpack(keys))
  end

  -- an array of ids, each once
  local function collect(ids, seen, id)
    if not seen[id] then
      seen[id] = true
      ids[#ids + 1] = id
    end
  end

  -- what was fetched for `ids`, for each entry by the id that it refers to
  local function align(fetched, ids, referred)
    local by_id, items = {}, {}
    for i = 1, #ids do by_id[ids[i]] = fetched[i] end
    for i = 1, count do items[i] = by_id[referred[i]] or false end
    return items
  end

  local blobs = fetch('tweet:', entries)
  local tweet_ids, author_ids, reposter_ids = {}, {}, {}
  local original_ids, originals_seen, user_ids, users_seen = {}, {}, {}, {}
  for i = 1, count do
    tweet_ids[i] = entries[i]
    local blob = blobs[i]
    if blob then
      local author = match(blob, '^T(%d+)|')
      if author then
        author_ids[i] = author
        collect(user_ids, users_seen, author)
      else
        local original, reposter = match(blob, '^R(%d+)|(%d+)')
        if original then
          tweet_ids[i], reposter_ids[i] = original, reposter
          collect(original_ids, originals_seen, original)
          collect(user_ids, users_seen, reposter)
        end
      end
    end
  end
  local originals = align(fetch('tweet:', original_ids), original_ids, tweet_ids)
  for i, _ in pairs(reposter_ids) do
    local author = originals[i] and match(originals[i], '^T(%d+)|')
    if author then
      author_ids[i] = author
      collect(user_ids, users_seen, author)
    end
  end
  local users = fetch('user:', user_ids)
  local authors, reposters = align(users, user_ids, author_ids), align(users, user_ids, reposter_ids)

  local marks = {}
  if count > 0 then marks = redis.pcall('HMGET', marks_key, unpack(tweet_ids)) end
  if marks.err then marks = align({}, {}, {}) end -- a value of another type
  return {blobs, originals, reposters, authors, marks}
end
