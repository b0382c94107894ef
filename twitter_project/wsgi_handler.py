"""Django's WSGI handler: what the head of a request says, before Django reads it."""

from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

from common.addresses import without_port
from twitter_project import request_bodies


def _trust_forwarded(environ: dict[str, Any]) -> None:
    """Writes what `Forwarded` says over the headers that the rest of the code trusts.

    Only the hop counts that the outermost of our proxies added.
    """
    hops = environ.pop("HTTP_FORWARDED", "").split(",")
    proxies = min(settings.NUM_PROXIES, len(hops))
    parts = [part.partition("=") for part in hops[-proxies].split(";")] if proxies else []
    said = {name.strip().lower(): value.strip().strip('"') for name, _, value in parts}
    environ["HTTP_X_FORWARDED_FOR"] = without_port(said.get("for", ""))
    environ["HTTP_X_FORWARDED_PROTO"] = said.get("proto", "").lower()


def _read_head(environ: dict[str, Any]) -> WSGIRequest:
    """A Content-Type that Django can't read counts as none.

    The constructor looks up the charset that it names and parses the query in it. The handler calls
    the constructor outside all that catches exceptions.
    """
    if settings.PROXY_HEADERS == "forwarded":
        _trust_forwarded(environ)
    request_bodies.expect_unknown_length(environ)
    try:
        return WSGIRequest(environ)
    except (LookupError, ValueError, SuspiciousOperation):
        environ["CONTENT_TYPE"] = ""
        return WSGIRequest(environ)


class Handler(WSGIHandler):
    request_class = staticmethod(_read_head)  # type: ignore[assignment]
