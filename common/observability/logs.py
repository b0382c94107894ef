"""Log formats, with the request of each line and without secrets."""

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

# Patterns of secrets. A plain text is searched before each pattern, which is much faster.
_SECRETS = [
    ("://", re.compile(r"(://[^\s:/@]*):[^\s@/]+@"), r"\1:***@"),  # the password in a URL
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


class LoggedRequest(NamedTuple):
    """The request that a thread or task answers."""

    id: str
    request: HttpRequest | None = None  # None in a gRPC server


_current: ContextVar[LoggedRequest | None] = ContextVar("logged_request", default=None)


class log_context:
    """Adds the request to the log lines of the block."""

    __slots__ = ("_request", "_token")

    def __init__(self, id: str, request: HttpRequest | None = None) -> None:
        self._request = LoggedRequest(id, request)

    def __enter__(self) -> None:
        self._token = _current.set(self._request)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def request_id() -> str | None:
    current = _current.get()
    return current.id if current else None


def redact(text: str) -> str:
    """Replaces secrets, which the text of an exception may contain."""
    for hint, pattern, replacement in _SECRETS:
        if hint in text:
            text = pattern.sub(replacement, text)
    return text


class Context(logging.Filter):
    """Adds the request, user and trace to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        current = _current.get()
        record.request_id = (current and current.id) or None
        record.user_id = _user_id(current.request) if current and current.request else None
        record.trace_id = tracing.trace_id()
        return True


class LineFormatter(logging.Formatter):
    """Plain text, for people."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JSONFormatter(OrjsonFormatter):
    """One JSON object per line, without empty fields."""

    def __init__(self) -> None:
        super().__init__(
            "{levelname}{name}{message}{request_id}{user_id}{trace_id}",
            style="{",
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp="time",
            # without Django's own two, the first of which contains the query string
            reserved_attrs=[*RESERVED_ATTRS, "request", "status_code"],
        )

    def process_log_record(self, log_record: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in log_record.items() if value is not None}

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _user_id(request: HttpRequest) -> str | None:
    """The user's id, if it is loaded: loading the session's user would read the database.

    Django keeps the loaded user in `_cached_user`, and has no public way to ask for it.
    """
    known = vars(request)
    user = known.get("_cached_user") or known.get("user")
    if user is None or type(user) is SimpleLazyObject:
        return None
    return str(user.pk) if user.pk else None
