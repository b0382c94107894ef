"""Pipelined script calls: the next ones are sent while Redis works on the earlier ones."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from redis.exceptions import NoScriptError

from common.redis.client import redis_client
from common.redis.scripts import Script


@dataclass(frozen=True, slots=True)
class PackedCall:
    """A script call whose keys and arguments are in Redis' wire format."""

    script: Script
    num_keys: int
    num_operands: int  # keys and arguments
    operands: bytes

    def pack(self, command: str, script: str) -> bytes:
        head = pack([command, script, str(self.num_keys)])
        return b"*%d\r\n%b%b" % (3 + self.num_operands, head, self.operands)


class ScriptPipeline:
    """Script calls on one server, over a connection of its pool."""

    def __init__(self, server: str) -> None:
        self._pool = redis_client(server).connection_pool
        self._connection: Any = self._pool.get_connection()
        self._in_flight: deque[PackedCall] = deque()
        self._unknown: list[PackedCall] = []  # refused, because Redis lost their scripts
        self._is_finished = False

    def __len__(self) -> int:
        """The number of calls in flight."""
        return len(self._in_flight)

    def send(self, call: PackedCall) -> None:
        self._connection.send_packed_command([call.pack("EVALSHA", call.script.sha)])
        self._in_flight.append(call)

    def receive(self) -> Any:
        """The reply to the oldest call in flight; None if `finish` must run it again."""
        call = self._in_flight.popleft()
        try:
            return self._connection.read_response()
        except NoScriptError:
            self._unknown.append(call)
            return None

    def finish(self) -> Iterator[Any]:
        """The replies that `receive` has not returned."""
        while self._in_flight:
            reply = self.receive()
            if reply is not None:
                yield reply
        for call in self._unknown:  # by source, because Redis may restart again
            self._connection.send_packed_command([call.pack("EVAL", call.script.source)])
            yield self._connection.read_response()
        self._is_finished = True

    def close(self) -> None:
        """Returns the connection to the pool, closed if it still expects replies."""
        if not self._is_finished:
            self._connection.disconnect()
        self._pool.release(self._connection)


def pack(values: Iterable[str]) -> bytes:
    return "".join(map(pack_value, values)).encode()


def pack_value(value: str) -> str:
    """A value in Redis' wire format, after its length in bytes."""
    size = len(value) if value.isascii() else len(value.encode())
    return f"${size}\r\n{value}\r\n"
