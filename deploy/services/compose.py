"""The four servers by Docker, where an engine answers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from processes import ServiceError


def is_docker_there() -> bool:
    """Whether an engine answers and the client knows `compose`; a client alone is no use."""
    if shutil.which("docker") is None:
        return False
    return all(
        _succeeds(["docker", *words]) for words in (["info"], ["compose", "version"])
    )


def _succeeds(command: list[str]) -> bool:
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def compose(file: Path, *words: str) -> None:
    """`docker compose` with its output shown: it names the container and its log when one fails."""
    command = ["docker", "compose", "-f", str(file), *words]
    status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if status != 0:
        raise ServiceError(f"`{' '.join(command)}` failed with {status}: its own words are above")
