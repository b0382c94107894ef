"""Concurrent calls, each in a thread and on a connection of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections

from common.errors import ServiceError


def at_once(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Starts all jobs at the same moment. Returns what each returned or raised, in their order."""
    barrier = Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return job()
        except ServiceError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def kinds(outcomes: list[Any]) -> list[str]:
    """The sorted class names of the outcomes."""
    return sorted(type(outcome).__name__ for outcome in outcomes)
