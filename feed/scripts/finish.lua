-- Ends a build: the database's entries join those that arrived since it began.
-- KEYS: the list. ARGV: the build's marker, entries kept, '1' where the database's entries are all there
-- are, then these entries. Returns 1, or 0 where the list is complete or was started again since: then
-- the entries may have been read too early.
local list = redis.call('LRANGE', KEYS[1], 0, -1)
local marker = table.remove(list)
if marker ~= ARGV[1] or not is_building(marker) then return 0 end
local seen, joined = {}, {}
local function take(id)
  if not seen[id] then
    seen[id] = true
    joined[#joined + 1] = id
  end
end
for _, id in ipairs(list) do take(id) end
for i = 4, #ARGV do take(ARGV[i]) end
table.sort(joined, is_newer)
local kept = tonumber(ARGV[2])
if ARGV[3] == '1' and #joined < kept then joined[#joined + 1] = '0' end
rewrite(KEYS[1], joined, kept)
return 1
