"""Translates errors to HTTP responses: `{"error": {"code", "message", "fields"}}`."""

import logging
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework_simplejwt.exceptions import AuthenticationFailed

from common import errors

log = logging.getLogger(__name__)

STATUS: dict[type[errors.ServiceError], int] = {
    errors.Malformed: 400,
    errors.Invalid: 422,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}

RETRY_AFTER_SECONDS = 1
CHALLENGE = 'Bearer realm="api"'

# Django raises these for a request that it refuses or can't read.
_UNREADABLE = (SuspiciousOperation, BadRequest, MultiPartParserError, UnreadablePostError)

# DRF's codes for input of a wrong shape, which is a 400. Other codes mean a refused value: 422.
_MALFORMED_CODES = {"required", "null", "wrong_type", "unknown", "out_of_range", "not_a_list"}


def error_body(
    code: str, message: str, fields: Mapping[str, list[str]] | None = None
) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "fields": dict(fields or {})}}


def handle(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's `EXCEPTION_HANDLER`. Logs unexpected errors and answers them with 500."""
    if isinstance(error, errors.OUTAGES):
        log.warning("a dependency is down: %s", error)
        error = errors.Unavailable("a part of the system is down: try again later")
    if isinstance(error, errors.ServiceError):
        return _service_response(error)
    error = _to_drf(error)
    if isinstance(error, exceptions.ValidationError):
        return _validation_response(error)
    if isinstance(error, exceptions.APIException):
        return _api_response(error)
    request = context.get("request")
    log.exception("%s %s failed", getattr(request, "method", "?"), getattr(request, "path", "?"))
    return Response(error_body("internal", "internal server error: try again later"), status=500)


def _service_response(error: errors.ServiceError) -> Response:
    response = Response(
        error_body(error.code, error.message, error.fields), status=STATUS[type(error)]
    )
    if isinstance(error, errors.Unavailable):
        response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if isinstance(error, errors.TooMany):
        response["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthenticated):
        response["WWW-Authenticate"] = CHALLENGE
    return response


def _to_drf(error: Exception) -> Exception:
    """Converts exceptions of Django and simplejwt to DRF's."""
    if isinstance(error, Http404):
        return exceptions.NotFound("not found")
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied("not allowed")
    if isinstance(error, _UNREADABLE):
        return exceptions.ParseError("the request is malformed")
    if isinstance(error, AuthenticationFailed):  # its detail is a dict
        return exceptions.AuthenticationFailed("the token is invalid or has expired: log in again")
    return error


_CODES = {
    400: "bad_request",
    401: "not_authenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    415: "unsupported_media_type",
    429: "too_many_requests",
}


def _api_response(error: exceptions.APIException) -> Response:
    wait: int | None = getattr(error, "wait", None)  # whole seconds
    message = f"too many requests: try again in {wait} seconds" if wait else str(error.detail)
    response = Response(
        error_body(_CODES.get(error.status_code, "error"), message), status=error.status_code
    )
    if response.status_code == status.HTTP_401_UNAUTHORIZED:
        response["WWW-Authenticate"] = CHALLENGE
    if wait:
        response["Retry-After"] = str(wait)
    return response


def _validation_response(error: exceptions.ValidationError) -> Response:
    details: Any = error.get_full_details()
    if not isinstance(details, dict):
        return Response(error_body("bad_request", "the request is malformed"), status=400)
    fields = {name: [str(d["message"]) for d in found] for name, found in details.items()}
    codes = {d["code"] for found in details.values() for d in found}
    malformed = bool(codes & _MALFORMED_CODES)
    first = next(iter(fields))
    return Response(
        error_body(
            "bad_request" if malformed else "invalid", f"{first}: {fields[first][0]}", fields
        ),
        status=400 if malformed else 422,
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    return JsonResponse(error_body("not_found", "there is no resource at this URL"), status=404)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> JsonResponse:
    return JsonResponse(error_body("bad_request", "the request is malformed"), status=400)


def forbidden(
    request: HttpRequest, exception: Exception | None = None, *, reason: str = ""
) -> JsonResponse:
    return JsonResponse(error_body("forbidden", "not allowed"), status=403)


def server_error(request: HttpRequest) -> JsonResponse:
    return JsonResponse(
        error_body("internal", "internal server error: try again later"), status=500
    )
