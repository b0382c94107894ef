"""Processes that outlive the script that starts them. A record file lets a later run find them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import DeployError
from deploy.local.interrupts import delayed_interrupts

ENDED = "ZX"  # states in /proc/PID/stat: zombie and dead


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
        """Kills its whole process group."""
        with suppress(ProcessLookupError):
            if self.is_alive():
                os.killpg(self.pid, signal.SIGKILL)

    def wait_for_end(self, number: signal.Signals, *, deadline: float) -> bool:
        """Whether the process ended before `deadline`, a value of `time.monotonic()`.

        Repeats the signal `number` every 2 s: Erlang loses a signal that arrives while it starts.
        """
        next_signal = time.monotonic() + 2
        while self.is_alive():
            if time.monotonic() > deadline:
                return False
            if time.monotonic() > next_signal:
                self.send(number)
                next_signal += 2
            time.sleep(0.05)
        return True


def identify(pid: int) -> str | None:
    """Differs for a later process with the same pid; None if the process has ended."""
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
    """The fields from the state on; empty if there is no such process."""
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
    """Starts `command` and writes its pid to `record`."""
    with delayed_interrupts(), log.open("wb") as output:
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
            raise DeployError(f"cannot run {command[0]}: {error}") from error
        process = Process(pid=child.pid, identity=identify(child.pid) or "ended")
        record.write_text(json.dumps({"pid": process.pid, "identity": process.identity}))
    return process


def find_recorded(record: Path) -> Process | None:
    """The process in `record`, if it is running."""
    try:
        fields = json.loads(record.read_text())
        process = Process(pid=int(fields["pid"]), identity=str(fields["identity"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return process if process.is_alive() else None
