-- Completes a build: adds the database's entries to those that arrived since the build began.
-- KEYS: the list. ARGV: the build's marker, entries shown, '1' if the database has no other entries,
-- then the database's entries.
-- Returns 1, or 0 if the list is complete or another build owns it.
local list = redis.call('LRANGE', KEYS[1], 0, -1)
local marker = table.remove(list)
if marker ~= ARGV[1] or not is_building(marker) then return 0 end
local shown, seen, joined = tonumber(ARGV[2]), {}, {}
local function add(id)
  if not seen[id] then
    seen[id] = true
    joined[#joined + 1] = id
  end
end
for _, id in ipairs(list) do add(id) end
for i = 4, #ARGV do add(ARGV[i]) end
table.sort(joined, is_newer)
if ARGV[3] == '1' and #joined < shown then joined[#joined + 1] = '0' end
rewrite(KEYS[1], joined, shown)
return 1
