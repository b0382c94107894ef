"""Replaces prometheus_client in a process without a monitoring port."""

from typing import Any, Self


class Counter:
    def __init__(self, *arguments: Any, **options: Any) -> None:
        pass

    def labels(self, *values: object) -> Self:
        return self

    def inc(self, amount: float = 1) -> None:
        pass

    def observe(self, amount: float) -> None:
        pass

    def set(self, value: float) -> None:
        pass


Gauge = Histogram = Counter
