"""What a log line tells of the request that it belongs to, and what it must never tell."""

import logging
import re
from contextvars import ContextVar
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

from common.observability import tracing

REQUEST_ID_HEADER = "x-request-id"

# What a secret looks like, each behind a text that is looked for first: that is much quicker.
_SECRETS = [
    ("://", re.compile(r"(://[^\s:/@]*):[^\s@/]+@"), r"\1:***@"),  # an URL's password
    ("@", re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "***@***"),
    ("eyJ", re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*"), "***"),  # a JWT
    ("earer ", re.compile(r"(?i)\b(bearer)\s+[^\s\"',\\]+"), r"\1 ***"),
    *(
        (
            word[1:],  # its first letter may be a capital
            re.compile(rf"""(?i)(\b\w*{word}\\?["']?\s*[:=]\s*\\?["']?)[^\s"'\\,;&}}]+"""),
            r"\1***",
        )
        for word in ("password", "token", "refresh", "secret")
    ),
]


class Served(NamedTuple):
    """What a thread is busy with."""

    id: str
    request: HttpRequest | None = None  # None in a gRPC server


_served: ContextVar[Served | None] = ContextVar("served", default=None)


class serving:
    """What is logged meanwhile belongs to this request."""

    __slots__ = ("_served", "_token")

    def __init__(self, id: str, request: HttpRequest | None = None) -> None:
        self._served = Served(id, request)

    def __enter__(self) -> None:
        self._token = _served.set(self._served)

    def __exit__(self, *_: object) -> None:
        _served.reset(self._token)


def request_id() -> str | None:
    served = _served.get()
    return served.id if served else None


def redact(text: str) -> str:
    """The last resort: nobody means to log these, but an exception's text may hold anything."""
    for sign, pattern, instead in _SECRETS:
        if sign in text:
            text = pattern.sub(instead, text)
    return text


class Context(logging.Filter):
    """Says of each record to which request, user and trace it belongs."""

    def filter(self, record: logging.LogRecord) -> bool:
        served = _served.get()
        record.request_id = (served and served.id) or None
        record.user_id = _user_id(served.request) if served and served.request else None
        record.trace_id = tracing.trace_id()
        return True


class LineFormatter(logging.Formatter):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JSONFormatter(OrjsonFormatter):
    """For machines: one JSON object a line, without what is empty."""

    def __init__(self) -> None:
        super().__init__(
            "{levelname}{name}{message}{request_id}{user_id}{trace_id}",
            style="{",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            reserved_attrs=[*RESERVED_ATTRS, "request", "status_code"],  # Django's, with the query
        )

    def process_log_record(self, log_record: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in log_record.items() if value is not None}

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _user_id(request: HttpRequest) -> str | None:
    """As far as it is known: asking the admin's lazy user would read the database."""
    known = vars(request)
    user = known.get("_cached_user") or known.get("user")
    if user is None or type(user) is SimpleLazyObject:
        return None
    return str(user.pk) if user.pk else None
