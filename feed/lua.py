"""The Lua scripts in feed/scripts."""

from functools import cache

from common.redis.scripts import Script, read_script
from feed import keys
from feed.lists import SLACK

_SHARED = f"local SLACK = {SLACK}\n{keys.LUA}{read_script('feed/lists')}"


@cache
def script(name: str, *libraries: str) -> Script:
    """The script after the code that it may use: `SLACK`, `keys.LUA`, lists.lua, the libraries."""
    return Script("".join([_SHARED, *libraries, read_script(f"feed/{name}")]))
