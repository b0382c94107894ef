"""Processes that outlive this program: written down, known again later, ended by their pids."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ENDED = "ZX"  # the states in /proc/PID/stat


class ServiceError(Exception):
    """Something the user has to know or do, in one line."""


class Interrupted(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.exit_status = 128 + number


def raise_on_interrupts() -> None:
    """Turns each of INTERRUPTS into an exception, so that every way out passes the cleaning up."""

    def interrupt(number: int, _: FrameType | None) -> None:
        raise Interrupted(number)

    for number in INTERRUPTS:
        signal.signal(number, interrupt)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds interrupts back until the block is done: no process may start unrecorded."""
    held: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: held.append(number))
        for number in INTERRUPTS
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if held:
        raise Interrupted(held[0])


@dataclass(frozen=True)
class Process:
    pid: int
    identity: str

    def is_alive(self) -> bool:
        return identify(self.pid) == self.identity

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self.is_alive():
                os.kill(self.pid, number)

    def kill(self) -> None:
        """With what it started; it leads its own group."""
        with suppress(ProcessLookupError):
            if self.is_alive():
                os.killpg(self.pid, signal.SIGKILL)

    def wait_for_end(self, number: signal.Signals, *, deadline: float) -> bool:
        """Whether it was gone by `deadline`, in time.monotonic()'s seconds.

        Repeats the signal that was sent: Erlang loses one that comes in its first moments.
        """
        next_reminder = time.monotonic() + 2
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            if time.monotonic() > next_reminder:
                self.send(number)
                next_reminder += 2
            time.sleep(0.05)
        return True


def identify(pid: int) -> str | None:
    """What tells this process from a later one with the same pid; None if it has ended."""
    fields = _read_stat(pid)
    if not fields or fields[0] in ENDED:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    started_at_tick = fields[19]
    return f"{boot}:{started_at_tick}"


def is_zombie(pid: int) -> bool:
    fields = _read_stat(pid)
    return bool(fields) and fields[0] in ENDED


def _read_stat(pid: int) -> list[str]:
    """From the state on; empty if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return stat.rpartition(")")[2].split()


def spawn(
    command: list[str],
    *,
    record: Path,
    log: Path,
    folder: Path,
    environment: dict[str, str],
    user: str | None = None,
) -> Process:
    """Starts `command` and writes it down in `record`, so that a later program finds it."""
    with uninterrupted(), log.open("wb") as output:
        try:
            child = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise ServiceError(f"{command[0]} can't be run: {error}") from error
        process = Process(pid=child.pid, identity=identify(child.pid) or "ended")
        record.write_text(json.dumps({"pid": process.pid, "identity": process.identity}))
    return process


def find_recorded(record: Path) -> Process | None:
    """The process of `record` if it still runs."""
    try:
        written = json.loads(record.read_text())
        process = Process(pid=int(written["pid"]), identity=str(written["identity"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return process if process.is_alive() else None
