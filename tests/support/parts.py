"""Servers and processes of the system that tests kill, and a supervisor that restarts them."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from deploy.local.processes import Process
from deploy.services.servers import BASE_ENVIRONMENT, Server

_POLL_SECONDS = 0.1


class Part:
    """A server or process, running or not."""

    def __init__(self, name: str, launch: Callable[[], Process | subprocess.Popen[bytes]]) -> None:
        self.name = name
        self._launch = launch
        self._lock = threading.RLock()  # a part is not restarted while it is being killed
        self._running: Process | subprocess.Popen[bytes] | None = None
        self._ended_at: float | None = None
        self.starts = 0
        self._is_killed = False
        # The last output of each run that ended without a kill.
        self.unexpected_exits: list[str] = []

    def start(self) -> None:
        with self._lock:
            self._running = self._launch()
            self._ended_at = None
            self._is_killed = False
            self.starts += 1

    @property
    def is_running(self) -> bool:
        running = self._running
        if isinstance(running, Process):
            return running.is_running
        return running is not None and running.poll() is None

    def restart_after(self, seconds: float) -> None:
        """Starts the part if it ended at least `seconds` ago. Must be called repeatedly."""
        with self._lock:
            if self.is_running:
                return
            if self._ended_at is None:
                self._ended_at = time.monotonic()
                if not self._is_killed and isinstance(self._running, Process):
                    self.unexpected_exits.append(self._running.describe_end())
            elif time.monotonic() - self._ended_at > seconds:
                self.start()

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the process and its descendants."""
        with self._lock:
            if self._running is None or not self.is_running:
                return
            self._is_killed = self._is_killed or number == signal.SIGKILL
            for pid in (self._running.pid, *_descendants(self._running.pid)):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def end(self) -> None:
        self.send(signal.SIGCONT)
        self.send(signal.SIGKILL)
        with self._lock:
            if self._running is not None:
                self._running.wait()


def server_part(server: Server, logs: Path) -> Part:
    def launch() -> subprocess.Popen[bytes]:
        server.prepare()
        with (logs / f"{server.name}.log").open("ab") as log:
            return subprocess.Popen(
                server.command(),
                cwd=server.folder,
                env=BASE_ENVIRONMENT | server.environment,
                user=server.user,
                group=server.user,
                extra_groups=None if server.user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    return Part(server.name, launch)


class Supervisor:
    """Restarts ended parts after 0.2 to 1 seconds."""

    def __init__(self, parts: list[Part], draw: random.Random) -> None:
        self._parts = parts
        self._draw = draw
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            for part in self._parts:
                part.restart_after(self._draw.uniform(0.2, 1.0))


def _descendants(pid: int) -> Iterator[int]:
    """A process's descendants, from /proc. A process group would miss PostgreSQL's backends."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    waiting = [pid]
    while waiting:
        found = children.get(waiting.pop(), [])
        yield from found
        waiting += found
