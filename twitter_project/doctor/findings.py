"""The findings of a check, and the comparisons that several checks make."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings

from messaging.worker import Worker

TIMEOUT_SECONDS = 3.0  # of a server's answer


@dataclass(frozen=True)
class Finding:
    part: str
    text: str
    remedy: str = ""

    @property
    def is_problem(self) -> bool:
        return bool(self.remedy)


def compare_clock(part: str, read: Callable[[], float]) -> Finding:
    """Compares the server's clock with this machine's at the middle of the round trip.

    Tokens and the order of ids depend on clocks.
    """
    before = time.time()
    theirs = read()
    skew = theirs - (before + time.time()) / 2
    if abs(skew) <= settings.CLOCK_SKEW_SECONDS:
        return Finding(part, f"clock {skew:+.3f} s")
    return Finding(
        part, f"its clock differs from this machine's by {skew:+.1f} s", "run NTP on both machines"
    )


def check_version(
    part: str,
    name: str,
    version: str,
    lowest: tuple[int, int],
    *,
    below: tuple[int, int] | None = None,
) -> Finding:
    major, minor = (int(number) for number in version.split(".")[:2])
    is_supported = lowest <= (major, minor) and (below is None or (major, minor) < below)
    wanted = f"{lowest[0]}.{lowest[1]} or newer" + (f", below {below[0]}" if below else "")
    return Finding(part, f"{name} {version}", "" if is_supported else f"install {wanted}")


def check_dead_letters(worker: Worker, count: int) -> Iterator[Finding]:
    if count:
        remedy = f"manage.py dead_letters show {worker.queue}"
        yield Finding(worker.queue, f"{count} dead letters", remedy)
