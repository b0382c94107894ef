"""Django's WSGI handler, which accepts whatever Content-Type a client sends."""

from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


def _read_head(environ: dict[str, Any]) -> WSGIRequest:
    """A Content-Type that Django can't read counts as none.

    The constructor looks up the charset that it names and parses the query in it. The handler calls
    the constructor outside all that catches exceptions.
    """
    try:
        return WSGIRequest(environ)
    except (LookupError, ValueError, SuspiciousOperation):
        environ["CONTENT_TYPE"] = ""
        return WSGIRequest(environ)


class Handler(WSGIHandler):
    request_class = staticmethod(_read_head)  # type: ignore[assignment]
