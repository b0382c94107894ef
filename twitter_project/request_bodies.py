"""Reads the body of a request before its view runs, whole and within a limit.

granian passes a request on once its headers have arrived. The thread that reads the body then waits
for the client, without a deadline, and can't be interrupted; nor can another thread do it, since
granian waits at a request's end until nobody reads from it. Clients that send no body would stop
the server by occupying all threads. So one thread never waits for a body: it answers the rest,
`/health` among it, and refuses further bodies with 503 until one of those awaited has arrived.
"""

from collections.abc import Mapping
from threading import Event, Semaphore
from typing import Any

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError

_MOST_DIGITS = 15  # of a length
_IS_UNKNOWN = "microblog.body_length_is_unknown"
# How long a body waits for its turn. Those that have arrived are read within microseconds.
_PATIENCE_SECONDS = 0.25

# A body has waited its time in vain, and no other has arrived since: further ones don't wait, since
# each would occupy the free thread for as long.
_is_stalled = Event()
_turns = Semaphore(1_000_000)  # as good as no limit, where a server has a thread for each request


def leave_one_free(threads: int) -> None:
    """Of so many threads that serve requests. A single one can only wait itself."""
    global _turns
    _turns = Semaphore(max(threads - 1, 1))


class Refused(Exception):
    """The request's body is not taken."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def expect_unknown_length(environ: dict[str, Any]) -> None:
    """Lets Django read a body whose length only its end tells, up to a limit.

    Django takes a body without a length (chunked) for empty. Only granian ends the stream where the
    body ends, so a body from another server is refused in `read`.
    """
    if _lacks_length(environ) and environ.get("wsgi.input_terminated"):
        environ[_IS_UNKNOWN] = True
        environ["CONTENT_LENGTH"] = str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def read(request: HttpRequest) -> None:
    """Reads the body, which Django keeps as `request.body`. Raises `Refused`."""
    head = request.META
    length = _length(head)
    if length == 0:
        return
    if _is_compressed(head):
        raise Refused(415, "unsupported_media_type", "the request's body must not be compressed")
    is_unknown, limit = head.get(_IS_UNKNOWN, False), _limit(request)
    if length > limit and not is_unknown:
        raise _too_large()
    body = _read(request)
    if is_unknown:
        if len(body) > limit or len(body) == length:  # the second may have been cut off
            raise _too_large()
        head["CONTENT_LENGTH"] = str(len(body))
    elif len(body) < length:
        raise Refused(400, "bad_request", "the request's body is incomplete")


def _length(head: Mapping[str, Any]) -> int:
    length: str = head.get("CONTENT_LENGTH") or ""
    if length:
        if not (length.isascii() and length.isdigit() and len(length) <= _MOST_DIGITS):
            raise Refused(400, "bad_request", "the request's Content-Length is no number")
        return int(length)
    if _lacks_length(head):
        raise Refused(411, "bad_request", "the request's body needs a Content-Length")
    return 0


def _lacks_length(head: Mapping[str, Any]) -> bool:
    if head.get("CONTENT_LENGTH"):
        return False
    return "HTTP_TRANSFER_ENCODING" in head or head.get("SERVER_PROTOCOL") == "HTTP/2"


def _is_compressed(head: Mapping[str, Any]) -> bool:
    return (
        head.get("HTTP_CONTENT_ENCODING", "").lower() not in ("", "identity")
        or head.get("HTTP_TRANSFER_ENCODING", "chunked").lower() != "chunked"
    )


def _limit(request: HttpRequest) -> int:
    is_admin = request.path_info.startswith(f"/{settings.ADMIN_PATH}")
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE if is_admin else settings.MAX_BODY_BYTES
    return limit


def _too_large() -> Refused:
    return Refused(413, "too_large", "the request's body is too large")


def _read(request: HttpRequest) -> bytes:
    if not _turns.acquire(timeout=0 if _is_stalled.is_set() else _PATIENCE_SECONDS):
        _is_stalled.set()
        raise Refused(503, "unavailable", "too many requests arrive slowly, try again")
    try:
        return request.body
    except UnreadablePostError:
        raise Refused(400, "bad_request", "the request's body can't be read") from None
    finally:
        _turns.release()
        _is_stalled.clear()
