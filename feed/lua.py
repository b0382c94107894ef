"""The Lua scripts in feed/scripts, each with the functions that it shares with others."""

from functools import cache

from common.redis.scripts import Script, read_script
from feed import keys
from feed.lists import SLACK

_SHARED = f"local SLACK = {SLACK}\n{keys.LUA}{read_script('feed/lists')}"


@cache
def script(name: str, *libraries: str) -> Script:
    """The script `name`, which may use lists.lua and the functions in the sources given."""
    return Script("".join([_SHARED, *libraries, library(name)]))


def library(name: str) -> str:
    """The source of a file of functions, for `script`."""
    return read_script(f"feed/{name}")
