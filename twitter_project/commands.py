"""What the commands that span services have in common."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from common.errors import OUTAGES, Unavailable


@contextmanager
def in_one_line() -> Iterator[None]:
    """A server that is down, or Ctrl-C, ends the command in one line and not in a traceback."""
    try:
        yield
    except (Unavailable, *OUTAGES) as error:
        reason = str(error).strip().splitlines()
        raise CommandError(
            f"a server does not answer: {reason[0] if reason else error!r}"
        ) from None
    except KeyboardInterrupt:
        raise CommandError("interrupted; the same command goes on from here") from None


def progress() -> Progress:
    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
