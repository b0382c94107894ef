import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.testbed import Testbed


@contextmanager
def prepare(_: Testbed) -> Iterator[Comparison]:
    """Needs the servers down. They stay up after the last round, for the other rows."""
    run("install")
    yield Comparison(ours=_start)


def run(command: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "deploy.services", command],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise CheckFailed(answer.stderr.strip() or answer.stdout.strip())


def _start() -> float:
    run("stop")
    begun = time.perf_counter()
    run("start")
    seconds = time.perf_counter() - begun
    run("status")
    return seconds


ROW = Row(
    name="services",
    quantity="make services, everything installed",
    limit="",
    unit="s",
    sense=Sense.WITHIN,
    gate=40,
    goal=25,
    prepare=prepare,
    rounds=5,
    warm_up=False,
)
