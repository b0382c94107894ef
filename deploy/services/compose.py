"""The four servers in Docker."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from deploy.local.errors import DeployError
from deploy.local.interrupts import delayed_interrupts


def is_docker_available() -> bool:
    """Whether an engine answers and the client has `compose`."""
    if shutil.which("docker") is None:
        return False
    return _succeeds(["docker", "info"]) and _succeeds(["docker", "compose", "version"])


def _succeeds(command: list[str]) -> bool:
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


class Compose:
    """The containers of one file. Docker prints which one failed."""

    def __init__(self, file: Path) -> None:
        self.command = ["docker", "compose", "-f", str(file)]

    def start(self) -> None:
        try:
            self._run("up", "--detach", "--wait")
        except BaseException:
            with delayed_interrupts(), suppress(DeployError):
                self.stop()
            raise

    def stop(self) -> None:
        """Keeps the containers and their data."""
        self._run("stop")

    def show_status(self) -> None:
        self._run("ps", "--all")
        if self._list("ps", "--services", "--status", "running") != self._list(
            "config", "--services"
        ):
            raise DeployError("not all containers are running")

    def _list(self, *words: str) -> set[str]:
        answer = subprocess.run(
            [*self.command, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return set(answer.stdout.split())

    def _run(self, *words: str) -> None:
        command = [*self.command, *words]
        status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
        if status != 0:
            raise DeployError(f"`{' '.join(command)}` failed with {status}: see above")
