from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from elasticsearch.dsl import connections

from search.index import Entry, index
from tests.conftest import is_real
from tests.support.channels import CLOSED_PORT, network, reset_channels


@pytest.fixture(scope="session")
def _prepared_index() -> Iterator[None]:
    index().prepare()
    yield
    index().clear()


@pytest.fixture
def empty_index(_prepared_index: None) -> None:
    index().clear()


@pytest.fixture
def refresh(empty_index: None) -> Callable[[], None]:
    """Makes writes visible to searches."""

    def refresh() -> None:
        if is_real():
            connections.get_connection().indices.refresh(index=f"{settings.ELASTICSEARCH_INDEX}*")

    return refresh


@pytest.fixture
def write(refresh: Callable[[], None]) -> Callable[..., None]:
    def write(*entries: Entry) -> None:
        index().write(entries)
        refresh()

    return write


@pytest.fixture
def take_down(settings: Any) -> Iterator[Callable[[str], None]]:
    """Makes a service unreachable."""

    def take_down(service: str) -> None:
        settings.GRPC_CHANNELS = settings.GRPC_CHANNELS | {service: network(CLOSED_PORT)}
        reset_channels()

    yield take_down
    reset_channels()


@pytest.fixture
def closed_index(settings: Any) -> Iterator[None]:
    """An Elasticsearch that does not listen."""
    connections.create_connection("closed", hosts="http://127.0.0.1:1", max_retries=0)
    backend = "search.backends.elasticsearch.ElasticsearchIndex"
    settings.SEARCH_INDEX = {"BACKEND": backend, "connection": "closed"}
    index.cache_clear()
    yield
    index.cache_clear()
