"""Metrics, traces and the access log of requests."""

import logging
import os
import re
from collections.abc import Callable
from time import perf_counter

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from common.observability import tracing
from common.observability.logs import log_context
from common.observability.metrics import http_requests

Handler = Callable[[HttpRequest], HttpResponseBase]

# Other methods, and paths that match no route, share one label: clients could make up any number.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_OTHER = "other"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)

log = logging.getLogger(__name__)


class RequestTelemetry:
    """Counts, traces and logs each request under the id that its response has in X-Request-ID."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = _request_id(request)
        with log_context(request_id, request):
            response = self._trace(request) if tracing.is_on() else self._measure(request)
        response.headers["X-Request-ID"] = request_id
        return response

    def _measure(self, request: HttpRequest) -> HttpResponseBase:
        if not (settings.MONITOR_LISTEN or settings.ACCESS_LOG):
            return self._get_response(request)
        started = perf_counter()
        response = self._get_response(request)
        seconds = perf_counter() - started
        http_requests(_method(request), route(request), response.status_code).observe(seconds)
        if settings.ACCESS_LOG:
            _log(request, response, seconds)
        return response

    def _trace(self, request: HttpRequest) -> HttpResponseBase:
        with tracing.span(_method(request), "server") as span:
            response = self._measure(request)
            span.update_name(f"{_method(request)} {route(request)}")
            span.set_attribute("http.request.method", _method(request))
            span.set_attribute("http.route", route(request))
            span.set_attribute("http.response.status_code", response.status_code)
        return response


def route(request: HttpRequest) -> str:
    """The URL pattern, not the path: ids would make a time series each."""
    match = request.resolver_match
    return f"/{match.route}" if match else _OTHER


def _request_id(request: HttpRequest) -> str:
    given: str = request.META.get("HTTP_X_REQUEST_ID", "")
    return given if given and _REQUEST_ID.fullmatch(given) else os.urandom(8).hex()


def _method(request: HttpRequest) -> str:
    return request.method if request.method in _METHODS else _OTHER


def _log(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    """Logs neither path nor query: they hold names, cursors and search terms."""
    method, pattern, status = _method(request), route(request), response.status_code
    fields = {"method": method, "route": pattern, "status": status, "ms": round(seconds * 1000, 2)}
    log.info("%s %s %d", method, pattern, status, extra=fields)
