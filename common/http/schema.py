"""What the OpenAPI schema says of every call: the error envelope, and how to sign in.

@extend_schema(responses={200: TweetAnswer, **errors(400, 401, 404)})
"""

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiResponse
from rest_framework import serializers

from common.http.exceptions import error_body


class ErrorDetailSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="for programs: one word for the kind of error")
    message = serializers.CharField(help_text="for people: what is wrong")
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        help_text="the offending inputs by name, and what is wrong with each; may be empty",
    )


class ErrorSerializer(serializers.Serializer[Any]):
    error = ErrorDetailSerializer()


# By status: what it means, and an example of its body.
_ERRORS: dict[int, tuple[str, dict[str, Any]]] = {
    400: (
        "Unreadable JSON, a wrong type, a missing or unknown field, or a parameter out of range.",
        error_body("bad_request", "limit: must be 100 or less", {"limit": ["must be 100 or less"]}),
    ),
    401: (
        "Not signed in, or the token counts no more.",
        error_body("not_authenticated", "the token is not valid or has expired"),
    ),
    403: ("Not allowed.", error_body("forbidden", "not allowed")),
    404: ("There is no such thing.", error_body("not_found", "there is nothing at this address")),
    409: (
        "It would conflict with what is there.",
        error_body("conflict", "email: is taken", {"email": ["is taken"]}),
    ),
    413: (
        "The request's body is too large.",
        error_body("too_large", "the request's body is too large"),
    ),
    414: (
        "The query is too long.",
        error_body("too_large", "the query is too long"),
    ),
    415: (
        "The request's body is not JSON, or is compressed.",
        error_body("unsupported_media_type", 'Unsupported media type "text/plain" in request.'),
    ),
    422: (
        "Of the right type, and still refused: too long, too short, empty after trimming.",
        error_body("invalid", "content: must not be empty", {"content": ["must not be empty"]}),
    ),
    429: (
        "Too many requests: the header Retry-After says how many seconds to wait.",
        error_body("too_many_requests", "Request was throttled. Expected available in 12 seconds."),
    ),
    503: (
        "A part of the system is down: try again.",
        error_body("unavailable", "a part of the system is down, try again"),
    ),
}

# What every call with a body may answer besides its own.
BODY = (400, 413, 415)

# What every call may answer, the last before it is read.
_ANY = (414, 429)
_HEAD = OpenApiResponse(description="The address and the headers are too long; without a body.")


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """The responses of these statuses, each with an example, for `extend_schema(responses=…)`."""
    return {status: _response(status) for status in sorted({*statuses, *_ANY})} | {431: _HEAD}


def _response(status: int) -> OpenApiResponse:
    description, body = _ERRORS[status]
    return OpenApiResponse(
        ErrorSerializer,
        description=description,
        examples=[
            OpenApiExample(
                body["error"]["code"], value=body, response_only=True, status_codes=[str(status)]
            )
        ],
    )


def request_example(value: object) -> OpenApiExample:
    return OpenApiExample("request", value=value, request_only=True)


def answer_example(value: object, name: str = "answer") -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=["200"])


class Schema(AutoSchema):
    """As the package's, with the body of a DELETE where one is declared."""

    _is_bodiless = False

    def _get_request_body(self, direction: Direction = "request") -> Any:
        if self.method != "DELETE":
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        self.method, self._is_bodiless = "POST", True
        try:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        finally:
            self.method, self._is_bodiless = "DELETE", False

    def _get_serializer(self) -> Any:
        return None if self._is_bodiless else super()._get_serializer()  # type: ignore[no-untyped-call]


class Strict(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Fields that a body doesn't have are refused, and the description says so."""

    target_class = "common.http.serializers.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Direction) -> dict[str, Any]:
        shape: dict[str, Any] = auto_schema._map_serializer(
            self.target, direction, bypass_extensions=True
        )
        return shape | {"additionalProperties": False}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "common.http.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return build_bearer_security_scheme_object("Authorization", "Bearer", "JWT")
