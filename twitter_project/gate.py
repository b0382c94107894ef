"""What is decided before a request is read: how large it may be, and how often one may ask."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from common.exception_handler import error_body
from common.throttling import Verdict, client_address, count_address

Handler = Callable[[HttpRequest], HttpResponseBase]


class Gate:
    """Refuses in order of cost, and tells by `RateLimit-*` how the request was counted."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        verdict = count_address("address", client_address(request))
        request.verdict = verdict  # type: ignore[attr-defined]
        if verdict and verdict.wait:
            response: HttpResponseBase = _too_many(verdict)
        else:
            response = _refuse_size(request) or self._get_response(request)
        if verdict := request.verdict:  # type: ignore[attr-defined]  # the route's own, if it has one
            for name, value in verdict.headers().items():
                response.headers[name] = value
        return response


def _too_many(verdict: Verdict) -> JsonResponse:
    message = f"too many requests from this address: try again in {verdict.wait} seconds"
    return JsonResponse(error_body("too_many_requests", message), status=429)


def _refuse_size(request: HttpRequest) -> JsonResponse | None:
    if len(request.META.get("QUERY_STRING", "")) > settings.MAX_QUERY_BYTES:
        return JsonResponse(error_body("too_large", "the query is too long"), status=414)
    return None
