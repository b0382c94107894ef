"""Metrics, read as Prometheus reads them."""

import httpx
from prometheus_client.parser import text_string_to_metric_families


class Metrics:
    """The result of one `GET /metrics`."""

    def __init__(self, address: str) -> None:
        answer = httpx.get(f"{address}/metrics", timeout=30)
        assert answer.status_code == 200, answer.text
        self._samples = [
            sample
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        ]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of the samples with this name and at least these labels."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    @property
    def names(self) -> set[str]:
        return {sample.name for sample in self._samples}
