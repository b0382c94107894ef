"""What is known of every request once it is answered."""

import logging
import os
import re
from collections.abc import Callable
from time import perf_counter

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from common.observability import tracing
from common.observability.logs import serving
from common.observability.metrics import http_requests

Handler = Callable[[HttpRequest], HttpResponseBase]

# Whatever else a client may call its method or ask for counts as one.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_OTHER = "other"
# What a client may call its request.
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)

log = logging.getLogger(__name__)


class RequestTelemetry:
    """Counts, traces and logs each request, under an id that the answer tells."""

    def __init__(self, get_response: Handler) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = _id(request)
        with serving(request_id, request):
            response = self._trace(request) if tracing.is_on() else self._answer(request)
        response.headers["X-Request-ID"] = request_id
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        if not (settings.MONITOR_LISTEN or settings.ACCESS_LOG):
            return self._next(request)
        started = perf_counter()
        response = self._next(request)
        seconds = perf_counter() - started
        http_requests(_method(request), route(request), response.status_code).observe(seconds)
        if settings.ACCESS_LOG:
            _log(request, response, seconds)
        return response

    def _trace(self, request: HttpRequest) -> HttpResponseBase:
        with tracing.span(_method(request), "server") as span:
            response = self._answer(request)
            span.update_name(f"{_method(request)} {route(request)}")
            span.set_attribute("http.request.method", _method(request))
            span.set_attribute("http.route", route(request))
            span.set_attribute("http.response.status_code", response.status_code)
        return response


def route(request: HttpRequest) -> str:
    """The pattern that the URL matched: ids in paths would make a metric of each."""
    match = request.resolver_match
    return f"/{match.route}" if match else _OTHER


def _id(request: HttpRequest) -> str:
    given: str = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if given and _SANE_ID.fullmatch(given) else os.urandom(8).hex()


def _method(request: HttpRequest) -> str:
    return request.method if request.method in _METHODS else _OTHER


def _log(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """No path and no query: they hold names, cursors and what people search for."""
    method, pattern, status = _method(request), route(request), response.status_code
    told = {"method": method, "route": pattern, "status": status, "ms": round(seconds * 1000, 2)}
    log.info("%s %s %d", method, pattern, status, extra=told)
