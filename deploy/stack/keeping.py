"""Honcho, with one difference: a process that ends is started again until the stack ends.

Each process's pid stands in a file of its name, so that another program can find it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from honcho import manager
from honcho.compat import ProcessManager
from honcho.printer import Message
from honcho.process import Process

# A web process drains for 2 s and a gRPC server gives calls 10 s; honcho would wait for 5 s.
manager.KILL_WAIT = 25

# Before what ended is started again; longer each time while it ends soon.
_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_SOON_SECONDS = 10.0


class KeepingManager(manager.Manager):  # type: ignore[misc]
    """`on_start` runs in a thread beside the processes; the one named `last` ends after them."""

    def __init__(self, *, pids: Path, on_start: Callable[[], None], last: str) -> None:
        super().__init__()
        self._last = last
        self._ending = multiprocessing.Event()
        self._on_start = on_start
        self._procmgr = _Gently()
        self._process_ctor = lambda *args, **kwargs: _KeptProcess(
            *args, ending=self._ending, pids=pids, **kwargs
        )

    def terminate(self) -> None:
        self._ending.set()
        if self._all_started():  # else each ends itself as soon as it has started
            super().terminate()

    def _killall(self, force: bool = False) -> None:
        if force:
            super()._killall(force)
            return
        for name, process in self._processes.items():
            if name != self._last and "returncode" not in process:
                self._procmgr.terminate(process["pid"])

    def _all_stopped(self) -> bool:
        running = [name for name, of in self._processes.items() if "returncode" not in of]
        if self._terminating and running == [self._last]:
            self._procmgr.terminate(self._processes[self._last]["pid"])
        return not running

    def _start(self) -> None:
        super()._start()
        threading.Thread(target=self._on_start, daemon=True).start()


class _KeptProcess(Process):  # type: ignore[misc]
    def __init__(self, *args: Any, ending: Event, pids: Path, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ending = ending
        self._record = pids / f"{self.name}.pid"

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        # Not ignored, which a second child would inherit.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        heard = _Heard(events, self._notice)
        pause = _PAUSE_SECONDS
        while True:
            began = time.monotonic()
            super().run(heard)
            self._record.unlink(missing_ok=True)
            ended_soon = time.monotonic() < began + _SOON_SECONDS
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS) if ended_soon else _PAUSE_SECONDS
            if self._ending.wait(pause):
                events.put(heard.last)
                return

    def _notice(self, pid: int) -> None:
        self._record.write_text(str(pid))
        if self._ending.is_set():
            os.kill(pid, signal.SIGTERM)


class _Gently(ProcessManager):  # type: ignore[misc]
    """Asks the process alone to end: what it has started is its own to end, after its requests."""

    def terminate(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


class _Heard:
    """Passes on what a process says, but for the news of its end: that ends everything."""

    def __init__(self, events: Any, on_pid: Callable[[int], None]) -> None:
        self._events = events
        self._on_pid = on_pid
        self.last: Message | None = None

    def put(self, message: Message) -> None:
        self.last = message
        if message.type == "start":
            self._on_pid(message.data["pid"])
        if message.type != "stop":
            self._events.put(message)
