"""A TCP proxy whose connections can be cut, or fall silent."""

import asyncio
import ssl
import threading
from contextlib import suppress

_CHUNK = 65536


class Proxy:
    """Passes on what comes to its port of loopback, in a thread of its own.

    With a context it speaks TLS there, and plainly on the other side.
    """

    def __init__(self, target_port: int, *, context: ssl.SSLContext | None = None) -> None:
        self._target_port = target_port
        self._open: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._stop_word: bytes | None = None
        self._last_word: bytes | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._call(asyncio.start_server(self._pass_on, "127.0.0.1", 0, ssl=context))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        """Ends every connection without a goodbye. Returns how many there were."""

        async def cut() -> int:
            for writer in self._open:
                writer.transport.abort()
            return len(self._open) // 2

        return int(self._call(cut()))

    def close_after(self, when_told: bytes) -> None:
        """Ends each connection that is made from now on once it has passed that on."""
        self._last_word = when_told

    def stall(self, when_told: bytes = b"") -> None:
        """Passes nothing on any more; if something is given, from when a client says that on."""

        async def stall() -> None:
            self._stop_word = when_told
            if not when_told:
                self._passing.clear()

        self._call(stall())

    def resume(self) -> None:
        async def resume() -> None:
            self._stop_word = None
            self._passing.set()

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

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, onward[1]}
        self._open |= pair
        try:
            await asyncio.gather(self._copy(reader, onward[1]), self._copy(onward[0], writer))
        finally:
            self._open -= pair
            for side in pair:
                side.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK):
                if self._stop_word and self._stop_word in data:
                    self._passing.clear()
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
                if self._last_word and self._last_word in data:
                    break
        writer.close()
