"""The embedded database: whoever serves it prepares it, and nobody else serves it meanwhile."""

import fcntl
from typing import IO

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

_claim: IO[str] | None = None


def claim() -> None:
    """Keeps the data to this process, and to those it forks, until they end.

    Timelines and queues' news are in the memory of one process; a second one would serve others.
    """
    global _claim
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    file = (settings.DATA_DIR / "serving.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise CommandError(
            f"another process serves the data in {settings.DATA_DIR}: "
            "stop it, or give this one a folder of its own with DATA_DIR=…"
        ) from None
    _claim = file


def migrate() -> None:
    call_command("migrate_databases", verbosity=0)


def prepare() -> None:
    """Makes the tables and, once, the demo data."""
    claim()
    migrate()
    call_command("seed_demo", admin=True, verbosity=0)
    connections.close_all()
