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


class ServiceError(Exception):
    """Something the user has to know or do, in one line."""


class Interrupted(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.exit_status = 128 + number


def raise_on_interrupts() -> None:
    """Turns each of INTERRUPTS into an exception, so that every way out passes the code that cleans up."""

    def interrupt(number: int, _: FrameType | None) -> None:
        raise Interrupted(number)

    for number in INTERRUPTS:
        signal.signal(number, interrupt)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds interrupts back until the block is done: no process may start and not be written down."""
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

    def wait(self, *, deadline: float) -> bool:
        """Whether it was gone by `deadline`, in time.monotonic()'s seconds."""
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def identify(pid: int) -> str | None:
    """What tells this process from a later one that was given the same pid; None if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    state, started_at_tick = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{started_at_tick}"


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
