"""The embedded Redis: one fakeredis server for the whole process.

fakeredis creates a server at the first connection and each of its databases at the first use. Two
threads that come first at the same time would get one each, so both are created at import.
"""

from typing import Any

from fakeredis import FakeRedisConnection, FakeServer

from common import embedded_parts

_SERVER = FakeServer(version=(7, 0))
_ = _SERVER.dbs[0]  # creates the database


class Connection(FakeRedisConnection):
    def __init__(self, *args: Any, **options: Any) -> None:
        server = options.setdefault("server", _SERVER)
        super().__init__(*args, **options)
        embedded_parts.register("redis", server)
