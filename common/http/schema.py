"""The parts of the OpenAPI schema that all calls share: errors, examples and authentication.

@extend_schema(responses={200: TweetAnswer, **errors(400, 401, 404)})
"""

from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import (
    build_bearer_security_scheme_object,
    build_examples_list,
    build_media_type_object,
)
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiResponse
from rest_framework import serializers

from common.http.exceptions import error_body


class ErrorDetailSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="the kind of error, for programs")
    message = serializers.CharField(help_text="a description of the error, for people")
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        help_text="the errors of each input, by its name; may be empty",
    )


class ErrorSerializer(serializers.Serializer[Any]):
    error = ErrorDetailSerializer()


# The description and an example body of each status.
ERRORS: dict[int, tuple[str, dict[str, Any]]] = {
    400: (
        "Unreadable JSON, a wrong type, a missing or unknown field, or a parameter out of range.",
        error_body("bad_request", "limit: must be 100 or less", {"limit": ["must be 100 or less"]}),
    ),
    401: (
        "Not signed in, or the token is invalid, expired or revoked.",
        error_body("not_authenticated", "the token is invalid or has expired: log in again"),
    ),
    403: ("Not allowed.", error_body("forbidden", "not allowed")),
    404: ("Not found.", error_body("not_found", "there is no resource at this URL")),
    409: (
        "The request conflicts with existing data.",
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
        "The request's body is compressed or not JSON.",
        error_body("unsupported_media_type", 'Unsupported media type "text/plain" in request.'),
    ),
    422: (
        "A value of the right type is refused: for example, it is too long, too short or empty.",
        error_body("invalid", "content: must not be empty", {"content": ["must not be empty"]}),
    ),
    429: (
        "Too many requests. The header Retry-After has the seconds to wait.",
        error_body("too_many_requests", "too many requests: try again in 12 seconds"),
    ),
    503: (
        "A part of the system is down. Try again later.",
        error_body("unavailable", "a part of the system is down: try again later"),
    ),
}

# Statuses of every call with a body.
BODY = (400, 413, 415)

# Statuses of every call.
_ANY = (414, 429)
_HEAD = OpenApiResponse(description="The URL and the headers are too long. The answer has no body.")


def errors(*statuses: int) -> dict[int, OpenApiResponse]:
    """The responses with these statuses, for `extend_schema(responses=…)`."""
    return {status: _response(status) for status in sorted({*statuses, *_ANY})} | {431: _HEAD}


def _response(status: int) -> OpenApiResponse:
    description, body = ERRORS[status]
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
    """drf-spectacular's schema of an operation, with the body of a DELETE that declares one."""

    def get_request_serializer(self) -> Any:
        """`extend_schema(request=…)` overrides this. A DELETE without it has no body."""
        if self.method == "DELETE":
            return None
        return super().get_request_serializer()

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        operation = super().get_operation(*args, **kwargs)
        if self.method != "DELETE" or operation is None:
            return operation
        serializer = self.get_request_serializer()
        if serializer is not None:
            reference = self.resolve_serializer(serializer, "request").ref
            examples = build_examples_list([e for e in self.get_examples() if e.request_only])
            content = {"application/json": build_media_type_object(reference, examples)}
            operation["requestBody"] = {"content": content, "required": True}
        return operation


class Strict(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Describes that unknown fields are refused."""

    target_class = "common.http.serializers.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Direction) -> dict[str, Any]:
        # drf-spectacular documents this method for extensions
        shape: dict[str, Any] = auto_schema._map_serializer(
            self.target, direction, bypass_extensions=True
        )
        return shape | {"additionalProperties": False}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "common.http.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return build_bearer_security_scheme_object("Authorization", "Bearer", "JWT")
