"""The Lua scripts in feed/scripts, each with the functions that it shares with others."""

from functools import cache
from pathlib import Path

from common.redis.scripts import Script
from feed import keys
from feed.lists import SLACK

_DIRECTORY = Path(__file__).parent / "scripts"


def _read(name: str) -> str:
    return (_DIRECTORY / f"{name}.lua").read_text()


_SHARED = f"local SLACK = {SLACK}\n{keys.LUA}{_read('lists')}"


@cache
def script(name: str, *libraries: str) -> Script:
    """The script `name`, which may use lists.lua and the functions in the sources given."""
    return Script("".join([_SHARED, *libraries, _read(name)]))


def library(name: str) -> str:
    """The source of a file of functions, for `script`."""
    return _read(name)
