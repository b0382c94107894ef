"""`manage.py` commands as child processes. Each writes its output to a log file of its own."""

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

ROOT = Path(__file__).resolve().parents[2]

# Imports take seconds, and several processes start at once on a machine with two cores.
_START_SECONDS = 180.0
_STOP_SECONDS = 20.0
_LAST_CHARACTERS = 4000


class ProcessFailed(Exception):
    """A process did not start or did not end. The message includes its log."""


class Process:
    """`manage.py <arguments>`, with `environment` added to this process's own."""

    def __init__(self, log: Path, *arguments: str, cwd: str = "", **environment: str) -> None:
        self.name = " ".join(arguments)
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", *arguments],
                cwd=cwd or ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
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
        """The first group of the first match of `pattern` in the log."""
        match = re.search(pattern, self._log.read_text(errors="replace"))
        return match[1] if match else None

    def describe_end(self) -> str:
        """The exit code and the end of the log."""
        output = self._log.read_text(errors="replace")[-_LAST_CHARACTERS:]
        return f"`manage.py {self.name}` ended with {self._process.returncode}:\n{output}"

    def wait_until(self, find: Callable[[], Any]) -> Any:
        """Polls until `find` returns something true, and returns that."""
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
        """Stops the process with SIGSTOP for the duration of the block."""
        self._process.send_signal(signal.SIGSTOP)
        # returns when the last thread has stopped, and reaps nothing
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int:
        """The exit code; negative after a signal. Kills a process that hangs, and fails."""
        try:
            return self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self._fail(f"did not end within {_STOP_SECONDS:.0f} s")

    def _fail(self, problem: str) -> NoReturn:
        output = self._log.read_text(errors="replace")
        raise ProcessFailed(f"`manage.py {self.name}` {problem}:\n{output}")


class Processes:
    """Running processes whose logs are in one folder and whose environment has `defaults`."""

    def __init__(self, folder: Path, **defaults: str) -> None:
        self._folder = folder
        self._defaults = defaults
        self._started = 0
        self._running: list[Process] = []
        self._read: dict[Path, int] = {}

    def start(self, *arguments: str, **environment: str) -> Process:
        self._started += 1
        log = self._folder / f"{self._started:02}-{'-'.join(arguments[:2])}.log"
        process = Process(log, *arguments, **{**self._defaults, **environment})
        self._running.append(process)
        return process

    def stop(self, *processes: Process) -> list[int]:
        """Terminates all of them at once and returns their exit codes."""
        for process in processes:
            process.terminate()
        self._running = [process for process in self._running if process not in processes]
        return [process.wait() for process in processes]

    def stop_all(self) -> None:
        self.stop(*self._running)

    def read_new_output(self) -> str:
        """The output that the logs gained since the last call."""
        parts = []
        for log in sorted(self._folder.iterdir()):
            with log.open("rb") as file:
                file.seek(self._read.get(log, 0))
                text = file.read().decode(errors="replace")
                self._read[log] = file.tell()
            if text:
                parts.append(f"--- {log.name}\n{text}")
        return "\n".join(parts)
