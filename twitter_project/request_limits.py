"""Limits on requests before a view runs: their rate and their size."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from common.http.exceptions import RETRY_AFTER_SECONDS, error_body
from common.http.throttling import Verdict, client_address, count_address
from twitter_project import request_bodies

Handler = Callable[[HttpRequest], HttpResponseBase]


class RequestLimits:
    """Makes the cheapest check first, and reports the rate in `RateLimit-*` headers."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        verdict = count_address("address", client_address(request))
        if verdict and verdict.wait:
            response: HttpResponseBase = _too_many(verdict)
        else:
            response = _refuse_size(request) or self._answer(request)
        if verdict:
            for name, value in verdict.headers().items():
                response.headers.setdefault(name, value)  # a view's own limit takes precedence
        return response

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        try:
            request_bodies.read(request)
        except request_bodies.Refused as refused:
            return _refuse_body(refused)
        return self._get_response(request)


def _refuse_body(refused: request_bodies.Refused) -> JsonResponse:
    response = JsonResponse(error_body(refused.code, refused.message), status=refused.status)
    if refused.status == 503:
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def _too_many(verdict: Verdict) -> JsonResponse:
    message = f"too many requests from this address: try again in {verdict.wait} seconds"
    return JsonResponse(error_body("too_many_requests", message), status=429)


def _refuse_size(request: HttpRequest) -> JsonResponse | None:
    if len(request.META.get("QUERY_STRING", "")) > settings.MAX_QUERY_BYTES:
        return JsonResponse(error_body("too_large", "the query is too long"), status=414)
    return None
