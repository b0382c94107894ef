-- Ends a rebuild: what the database had joins what arrived meanwhile.
-- KEYS: the list. ARGV: entries kept, '1' where the database's entries are all there are,
-- then these entries. Returns 1 where the list was still being built, else 0.
local list = redis.call('LRANGE', KEYS[1], 0, -1)
if list[#list] ~= '-1' then return 0 end
local seen, joined = {}, {}
local function take(id)
  if id ~= '-1' and not seen[id] then
    seen[id] = true
    joined[#joined + 1] = id
  end
end
for _, id in ipairs(list) do take(id) end
for i = 3, #ARGV do take(ARGV[i]) end
table.sort(joined, is_newer)
local kept = tonumber(ARGV[1])
if ARGV[2] == '1' and #joined < kept then joined[#joined + 1] = '0' end
rewrite(KEYS[1], joined, kept)
return 1
