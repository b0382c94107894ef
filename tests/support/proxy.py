"""A TCP proxy whose connections can be cut or stalled."""

import asyncio
import ssl
import threading
from contextlib import suppress

_CHUNK = 65536


class Proxy:
    """Forwards connections to its loopback port, in a thread of its own.

    With an SSL context it accepts TLS and forwards plain text.
    """

    def __init__(self, target_port: int, *, context: ssl.SSLContext | None = None) -> None:
        self._target_port = target_port
        self._open: set[asyncio.StreamWriter] = set()
        self._forwarding = asyncio.Event()
        self._forwarding.set()
        self._stall_after = b""
        self._close_after = b""
        self._counted = b""
        self.count = 0  # of what `start_counting` named
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._forward, "127.0.0.1", 0, ssl=context))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        """Aborts every connection. Returns their number."""

        async def cut() -> int:
            for writer in self._open:
                writer.transport.abort()
            return len(self._open) // 2

        return int(self._call(cut()))

    def close_after(self, data: bytes) -> None:
        """Closes each connection after it has forwarded `data`."""
        self._close_after = data

    def start_counting(self, data: bytes) -> None:
        """Counts `data` in what clients send from now on."""
        self._counted, self.count = data, 0

    def stall(self, after: bytes = b"") -> None:
        """Stops forwarding: at once, or when `after` arrives, which is not forwarded either."""

        async def stall() -> None:
            self._stall_after = after
            if not after:
                self._forwarding.clear()

        self._call(stall())

    def resume(self) -> None:
        async def resume() -> None:
            self._stall_after = b""
            self._forwarding.set()

        self._call(resume())

    def close(self) -> None:
        async def close() -> None:
            self._server.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

        self._call(close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, onward[1]}
        self._open |= pair
        try:
            await asyncio.gather(
                self._copy(reader, onward[1], is_counted=True),
                self._copy(onward[0], writer, is_counted=False),
            )
        finally:
            self._open -= pair
            for side in pair:
                side.transport.abort()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_counted: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if is_counted and self._counted:
                    self.count += data.count(self._counted)
                if self._stall_after and self._stall_after in data:
                    self._forwarding.clear()
                await self._forwarding.wait()
                writer.write(data)
                await writer.drain()
                if self._close_after and self._close_after in data:
                    break
        writer.close()
