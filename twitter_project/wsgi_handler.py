"""Django's WSGI handler, which corrects a request's headers before Django reads them."""

from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

from twitter_project import request_bodies
from twitter_project.forwarded import trust_forwarded


def _read_headers(environ: dict[str, Any]) -> WSGIRequest:
    """Drops a Content-Type that Django can't read.

    The constructor raises for an unknown charset, and Django's handler calls it outside its own
    exception handling.
    """
    trust_forwarded(environ)
    request_bodies.expect_unknown_length(environ)
    try:
        return WSGIRequest(environ)
    except (LookupError, ValueError, SuspiciousOperation):
        environ["CONTENT_TYPE"] = ""
        return WSGIRequest(environ)


class Handler(WSGIHandler):
    request_class = staticmethod(_read_headers)  # type: ignore[assignment]
