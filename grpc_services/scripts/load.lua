-- KEYS: the viewer's marks. ARGV: entry ids.
return cached(ARGV, KEYS[1])
