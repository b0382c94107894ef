"""The Redis of the embedded mode: one server in the process, whichever thread connects first.

Left to itself, fakeredis makes a server when the first connection asks for one, and each of its
databases likewise: two threads that are the first would get one each.
"""

from typing import Any

from fakeredis import FakeRedisConnection, FakeServer

from common import embedded_parts

_SERVER = FakeServer(version=(7, 0))
_ = _SERVER.dbs[0]  # makes it


class Connection(FakeRedisConnection):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"server": _SERVER, **options})
        embedded_parts.register("redis", self._server)
