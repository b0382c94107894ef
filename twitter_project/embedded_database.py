"""The embedded database: one process at a time serves it, after migrating and seeding it."""

import fcntl
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

_claim: IO[str] | None = None


def claim(address: str) -> None:
    """Locks the data for this process and its forks until they end.

    Timelines and wake-ups are in one process's memory, so a second process would serve stale ones.
    The lock file holds the address, for `doctor`.
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
    """The address of the process that claimed the data, whether or not it still runs."""
    try:
        return _lock().read_text() or None
    except FileNotFoundError:
        return None


def _lock() -> Path:
    return Path(settings.DATA_DIR, "serving.lock")


def migrate() -> None:
    call_command("migrate_databases", verbosity=0)


def seed(*, is_public: bool) -> None:
    """Writes the demo data once; with an admin only on loopback, since its password is printed."""
    call_command("seed_demo", admin=settings.EMBEDDED_DATABASE and not is_public, verbosity=0)
