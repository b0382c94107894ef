"""Keyset pagination.

A page's cursor is the id of its last row, and the next page has the rows after it. So new rows
neither shift the pages nor repeat rows. If the oldest rows come first, a new row must get the
greatest id, even if it commits late: see `tweets.services.counters.write_reply`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from django.core.handlers.wsgi import get_bytes_from_wsgi
from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from common.errors import Malformed
from common.ids import MAX_ID, PATTERN

T = TypeVar("T")

DEFAULT_LIMIT = 20
MAX_LIMIT = 100

_CURSOR = re.compile(PATTERN)
_NUMBER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: Sequence[T]
    next: int | None  # the cursor of the next page; None on the last page


def cut(rows: Sequence[T], limit: int, key: Callable[[T], int]) -> Page[T]:
    """A page from `limit + 1` rows. The extra row shows that there is a next page."""
    items = rows[:limit]
    return Page(items, key(items[-1]) if len(rows) > limit else None)


def format_cursor(cursor: int | None) -> str | None:
    return None if cursor is None else str(cursor)


@extend_schema_field(
    {
        "type": "string",
        "pattern": f"^{PATTERN}$",
        "description": "`next` of the previous page; empty for the first page",
    }
)
class CursorField(serializers.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_blank=True, trim_whitespace=False, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return None if data == "" else super().run_validation(data)

    def to_internal_value(self, data: Any) -> int:  # type: ignore[override]
        text = str(data)
        if not _CURSOR.fullmatch(text):
            raise serializers.ValidationError(
                "is not a valid cursor: use `next` of the previous page", code="out_of_range"
            )
        return min(int(text), MAX_ID)  # no row has a greater id


class NumberField(serializers.IntegerField):
    """An integer in ASCII digits. Python's `int` also accepts `1_0` and Arabic digits."""

    default_error_messages = {  # noqa: RUF012 as DRF's
        "required": "is required",
        "invalid": "must be a number",
        "min_value": "must be {min_value} or more",
        "max_value": "must be {max_value} or less",
        "max_string_length": "has too many digits",
    }

    def to_internal_value(self, data: Any) -> int:
        if not _NUMBER.fullmatch(str(data)):
            self.fail("invalid")
        return super().to_internal_value(data)


class LimitField(NumberField):
    def __init__(self, default: int = DEFAULT_LIMIT, **kwargs: Any) -> None:
        super().__init__(default=default, min_value=1, max_value=MAX_LIMIT, **kwargs)


class PageQuery(serializers.Serializer[Any]):
    """`limit` and `cursor` of a list."""

    limit = LimitField()
    cursor = CursorField(required=False, default=None)


class WindowQuery(serializers.Serializer[Any]):
    """Base of a query for a list with `cursor` or `offset`."""

    def to_internal_value(self, data: Mapping[str, str]) -> dict[str, Any]:
        if data.get("cursor") and "offset" in data:
            raise serializers.ValidationError({"offset": ["can't be combined with cursor"]})
        validated: dict[str, Any] = super().to_internal_value(data)
        return validated


def read_query(query: type[serializers.Serializer[Any]], request: Request) -> Mapping[str, Any]:
    """The validated query parameters. Ignores unknown ones and raises `Malformed` for bad ones."""
    return _read(query, get_bytes_from_wsgi(request.META, "QUERY_STRING", ""))


@lru_cache(1024)
def _read(query: type[serializers.Serializer[Any]], query_string: bytes) -> Mapping[str, Any]:
    """Cached, because most requests have the same few query strings."""
    try:
        # a plain dict, because DRF treats an empty value in a QueryDict as missing
        validated = _reader(query).run_validation(QueryDict(query_string).dict())
    except serializers.ValidationError as error:
        detail = cast(dict[str, list[Any]], error.detail)
        fields = {name: [str(e) for e in found] for name, found in detail.items()}
        name, found = next(iter(fields.items()))
        raise Malformed(f"{name}: {found[0]}", fields=fields) from None
    return MappingProxyType(validated)


@cache
def _reader(query: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """Cached, because creating a serializer costs more than validating with it."""
    return query()
