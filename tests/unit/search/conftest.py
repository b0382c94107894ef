from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from elasticsearch.dsl import connections

from common.ids import first_id_at
from search.index import Document, Entry, Place, index, this_hour
from search.query import parse
from tests.conftest import is_real
from tests.support.channels import NOBODY, forget_channels, network


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
    """Lets searches find what has been written."""

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


def document(
    number: int, content: str = "hello", *, user_id: int = 1, age: timedelta = timedelta(), **fields
) -> Document:
    """A tweet whose id tells its number: the higher, the newer."""
    at = timezone.now() - age
    return Document(
        id=tweet_id(number, at), user_id=user_id, content=content, created_at=at, **fields
    )


def tweet_id(number: int, at: datetime | None = None) -> int:
    return first_id_at(at or timezone.now()) | number


def found_ids(text: str, *, limit: int = 100, **place) -> list[int]:
    found = index().search(parse(text), place=Place(hour=this_hour(), **place), limit=limit)
    return [int(hit.key) for hit in found.hits]


@pytest.fixture
def take_down(settings: Any) -> Iterator[Callable[[str], None]]:
    """Makes a service unreachable."""

    def take_down(service: str) -> None:
        settings.GRPC_CHANNELS = settings.GRPC_CHANNELS | {service: network(NOBODY)}
        forget_channels()

    yield take_down
    forget_channels()
