"""What is known of every request once it is answered."""

from collections.abc import Callable
from time import perf_counter

from django.http import HttpRequest, HttpResponseBase

from common.metrics import http_requests

Handler = Callable[[HttpRequest], HttpResponseBase]

# Whatever else a client may call its method or ask for counts as one.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_OTHER = "other"


class Watch:
    """The outermost middleware."""

    def __init__(self, get_response: Handler) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = perf_counter()
        response = self._next(request)
        method = request.method if request.method in _METHODS else _OTHER
        http_requests(method or _OTHER, route(request), response.status_code).observe(
            perf_counter() - started
        )
        return response


def route(request: HttpRequest) -> str:
    """The pattern that the URL matched: ids in paths would make a metric of each."""
    match = request.resolver_match
    return f"/{match.route}" if match else _OTHER
