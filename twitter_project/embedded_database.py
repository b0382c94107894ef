"""The embedded database: the process that serves it prepares it, and no other serves it then."""

import fcntl
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

_claim: IO[str] | None = None


def claim(address: str) -> None:
    """Keeps the data to this process, and to those it forks, until they end.

    Timelines and wake-ups are in the memory of one process; a second one would serve others.
    The lock's file holds the address, where `doctor` asks.
    """
    global _claim
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    file = _lock().open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise CommandError(
            f"another process serves the data in {settings.DATA_DIR}: "
            "stop it, or give this one a folder of its own with DATA_DIR=…"
        ) from None
    file.truncate(0)
    file.write(address)
    file.flush()
    _claim = file


def release() -> None:
    """Lets another process claim the data."""
    global _claim
    if _claim is not None:
        _claim.close()
        _claim = None


def last_address() -> str | None:
    """Where the process that claimed the data serves, or served before it ended."""
    try:
        return _lock().read_text() or None
    except FileNotFoundError:
        return None


def _lock() -> Path:
    return Path(settings.DATA_DIR, "serving.lock")


def migrate() -> None:
    call_command("migrate_databases", verbosity=0)


def seed(*, is_public: bool) -> None:
    """Fills in the demo data once. Its admin is for this machine alone: the password is printed."""
    call_command("seed_demo", admin=settings.EMBEDDED_DATABASE and not is_public, verbosity=0)
