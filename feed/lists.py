"""The kinds of lists in Redis, their keys, and the scripts that read and change them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from common.redis import shards
from common.redis.scripts import Script

_SCRIPTS = Path(__file__).parent / "scripts"
_LIBRARY = (_SCRIPTS / "lists.lua").read_text()


@dataclass(frozen=True, slots=True)
class Kind:
    """Of a list."""

    prefix: str
    shard: str | None = None  # else the owner's

    def shard_of(self, owner_id: int) -> str:
        return self.shard or shards.of(owner_id)


TIMELINE = Kind("feed")


@cache
def authored(shard: str) -> Kind:
    return Kind("authored", shard)


def kinds() -> list[Kind]:
    return [TIMELINE, *map(authored, shards.names())]


def key(owner_id: int, kind: Kind = TIMELINE) -> str:
    return f"{kind.prefix}:{owner_id}"


@cache
def script(name: str, library: str = "") -> Script:
    """A script that may use what lists.lua and the library hold."""
    return Script(_LIBRARY + library + (_SCRIPTS / f"{name}.lua").read_text())
