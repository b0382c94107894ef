"""Names of the feed's keys in Redis, for Python and for Lua. README.md describes each key.

Cached tweets, authors and marks have their names in `hydration.codec`.
"""

TIMELINE = "feed"
AUTHORED = "authored"
OLDER = "older"

# One key for each shard.
PULLED = "pulled"
PLACEMENT = "placement"  # see `feed.shard_membership`


def timeline(user_id: int) -> str:
    return f"{TIMELINE}:{user_id}"


def authored(author_id: int) -> str:
    return f"{AUTHORED}:{author_id}"


def older(user_id: int) -> str:
    return f"{OLDER}:{user_id}"


def pulls(user_id: int) -> str:
    return f"pulls:{user_id}"


def pushed(entry_id: int, first_user_id: int) -> str:
    return f"pushed:{entry_id}:{first_user_id}"


def unfollowed(author_id: int) -> str:
    return f"unfollowed:{author_id}"


def follow_version(user_id: int, author_id: int) -> str:
    """The version of the follow relation that was applied to the timeline last."""
    # Workers of an earlier release write `settled:`, and must share the key during a restart.
    return f"settled:{user_id}:{author_id}"


# For the keys that a script derives from another key or from a value.
LUA = f"""
local function authored_key(author_id) return '{AUTHORED}:' .. author_id end
local function is_authored(key) return string.sub(key, 1, {len(AUTHORED) + 1}) == '{AUTHORED}:' end
local function older_key(user_id) return '{OLDER}:' .. user_id end
local function timeline_owner(timeline_key) return string.sub(timeline_key, {len(TIMELINE) + 2}) end
"""
