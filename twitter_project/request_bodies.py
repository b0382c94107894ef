"""Reads the whole body of a request, up to a limit, before its view runs.

granian starts a request when its headers have arrived. The thread that reads the body then waits
for the client without a deadline, and nothing can interrupt it: granian ends a request only when no
thread reads from it. Clients that send headers and no body could occupy all threads. So one thread
never waits for a body: it answers other requests, such as `/health`, and refuses further bodies
with 503 until one of the awaited bodies has arrived.
"""

from collections.abc import Mapping
from threading import Event, Semaphore
from typing import Any

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError

_MAX_LENGTH_DIGITS = 15
_LENGTH_IS_UNKNOWN = "microblog.body_length_is_unknown"
# How long a body waits for a reader. A body that has arrived is read within microseconds.
_WAIT_SECONDS = 0.25

# Set after a body has waited in vain, until a body arrives. Meanwhile further bodies are refused at
# once, since each would occupy the free thread for the time of its wait.
_is_stalled = Event()
_readers = Semaphore(1_000_000)  # no limit in practice, for servers with a thread per request


def leave_one_free(threads: int) -> None:
    """Lets all but one of these threads wait for bodies. A single thread has to wait itself."""
    global _readers
    _readers = Semaphore(max(threads - 1, 1))


class Refused(Exception):
    """The body is refused: the status, code and message of the response."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def expect_unknown_length(environ: dict[str, Any]) -> None:
    """Lets Django read a chunked body, which has no Content-Length, up to a limit.

    Django takes such a body for empty. granian's stream ends with the body; on servers that don't
    promise this (`wsgi.input_terminated`), `read` refuses it.
    """
    if _lacks_length(environ) and environ.get("wsgi.input_terminated"):
        environ[_LENGTH_IS_UNKNOWN] = True
        environ["CONTENT_LENGTH"] = str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)


def read(request: HttpRequest) -> None:
    """Reads the body, which Django keeps as `request.body`. Raises `Refused`."""
    headers = request.META
    length = _length(headers)
    if length == 0:
        return
    if _is_compressed(headers):
        raise Refused(415, "unsupported_media_type", "the request's body must not be compressed")
    is_unknown, limit = headers.get(_LENGTH_IS_UNKNOWN, False), _limit(request)
    if length > limit and not is_unknown:
        raise _too_large()
    body = _read(request)
    if is_unknown:
        if len(body) > limit or len(body) == length:  # at that length it may have been cut off
            raise _too_large()
        headers["CONTENT_LENGTH"] = str(len(body))
    elif len(body) < length:
        raise Refused(400, "bad_request", "the request's body is incomplete")


def _length(headers: Mapping[str, Any]) -> int:
    length: str = headers.get("CONTENT_LENGTH") or ""
    if length:
        if not (length.isascii() and length.isdigit() and len(length) <= _MAX_LENGTH_DIGITS):
            raise Refused(400, "bad_request", "the request's Content-Length is not a number")
        return int(length)
    if _lacks_length(headers):
        raise Refused(411, "bad_request", "the request's body needs a Content-Length")
    return 0


def _lacks_length(headers: Mapping[str, Any]) -> bool:
    if headers.get("CONTENT_LENGTH"):
        return False
    return "HTTP_TRANSFER_ENCODING" in headers or headers.get("SERVER_PROTOCOL") == "HTTP/2"


def _is_compressed(headers: Mapping[str, Any]) -> bool:
    return (
        headers.get("HTTP_CONTENT_ENCODING", "").lower() not in ("", "identity")
        or headers.get("HTTP_TRANSFER_ENCODING", "chunked").lower() != "chunked"
    )


def _limit(request: HttpRequest) -> int:
    is_admin = request.path_info.startswith(f"/{settings.ADMIN_PATH}")
    limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE if is_admin else settings.MAX_BODY_BYTES
    return limit


def _too_large() -> Refused:
    return Refused(413, "too_large", "the request's body is too large")


def _read(request: HttpRequest) -> bytes:
    if not _readers.acquire(timeout=0 if _is_stalled.is_set() else _WAIT_SECONDS):
        _is_stalled.set()
        raise Refused(503, "unavailable", "too many requests arrive slowly: try again")
    try:
        return request.body
    except UnreadablePostError:
        raise Refused(400, "bad_request", "the request's body can't be read") from None
    finally:
        _readers.release()
        _is_stalled.clear()
