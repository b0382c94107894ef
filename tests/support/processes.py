"""A process of the system as the tests start it, on the test's own settings, URLs and keys.

What it writes goes to a file, which is shown when it does not start and when a test fails.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.conf import settings

# A start is some seconds of imports, and several start at once on a machine of two cores.
_START_SECONDS = 180.0
_STOP_SECONDS = 20.0
_LAST_CHARACTERS = 4000

APPLICATION = "twitter-live-test"  # how PostgreSQL knows the processes' connections


class Process:
    """`manage.py <arguments>`."""

    def __init__(self, log: Path, *arguments: str, cwd: str = "", **environment: str) -> None:
        self.name = " ".join(arguments)
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=cwd or settings.BASE_DIR,
                env={
                    **os.environ,  # noqa: TID251 the child's is the test's own
                    "DJANGO_SETTINGS_MODULE": "twitter_project.settings.test",
                    "PYTHONUNBUFFERED": "1",
                    "PGAPPNAME": APPLICATION,
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def find_in_log(self, pattern: str) -> str | None:
        """The first group of the pattern's first match in what the process wrote so far."""
        match = re.search(pattern, self._log.read_text(errors="replace"))
        return match[1] if match else None

    def last_words(self) -> str:
        """How it ended, and the last of what it wrote."""
        written = self._log.read_text(errors="replace")[-_LAST_CHARACTERS:]
        return f"`manage.py {self.name}` ended with {self._process.returncode}:\n{written}"

    def wait_until(self, find: Callable[[], Any]) -> Any:
        """What `find` returns, once that is true. Fails with the log when it never is."""
        deadline = time.monotonic() + _START_SECONDS
        while not (found := find()):
            if not self.is_running:
                self._fail(f"ended with exit code {self._process.returncode}")
            if time.monotonic() > deadline:
                self._fail(f"was not ready within {_START_SECONDS:.0f} s")
            time.sleep(0.02)
        return found

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Alive, and answering nobody."""
        self._process.send_signal(signal.SIGSTOP)
        # returns when the last of its threads has stopped, and reaps nothing
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Asks the process to end."""
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int:
        """The exit code; negative where a signal ended the process. One that hangs is killed."""
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self._fail(f"did not end within {_STOP_SECONDS:.0f} s")

    def _fail(self, complaint: str) -> NoReturn:
        written = self._log.read_text(errors="replace")
        pytest.fail(f"`manage.py {self.name}` {complaint}:\n{written}", pytrace=False)


class Processes:
    """Those that run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started = 0
        self._running: list[Process] = []
        self._shown: dict[Path, int] = {}

    def start(self, *arguments: str, **environment: str) -> Process:
        self._started += 1
        log = self._folder / f"{self._started:02}-{'-'.join(arguments[:2])}.log"
        process = Process(log, *arguments, **environment)
        self._running.append(process)
        return process

    def stop(self, *processes: Process) -> list[int]:
        """Ends them side by side, and returns their exit codes."""
        for process in processes:
            process.terminate()
        self._running = [process for process in self._running if process not in processes]
        return [process.wait() for process in processes]

    def stop_all(self) -> None:
        self.stop(*self._running)

    def news(self) -> str:
        """What the processes wrote since the last call."""
        parts = []
        for log in sorted(self._folder.iterdir()):
            with log.open("rb") as file:
                file.seek(self._shown.get(log, 0))
                text = file.read().decode(errors="replace")
                self._shown[log] = file.tell()
            if text:
                parts.append(f"--- {log.name}\n{text}")
        return "\n".join(parts)
