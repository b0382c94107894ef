"""Serializers and fields that accept only what the OpenAPI schema describes."""

from functools import cache
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown fields, so that a misspelt one is not ignored."""

    default_error_messages = {"wrong_type": "must be a JSON object"}  # noqa: RUF012

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError(
                {"body": [self.error_messages["wrong_type"]]}, code="wrong_type"
            )
        unknown = [name for name in data if name not in self.fields]
        if unknown:
            raise serializers.ValidationError(
                {name: ["is an unknown field"] for name in unknown}, code="unknown"
            )
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """Accepts strings only. Removes white space at both ends."""

    default_error_messages = {  # noqa: RUF012
        "required": "is required",
        "null": "must not be null",
        "wrong_type": "must be a string",
        "blank": "must not be empty",
        "min_length": "must have at least {min_length} characters",
        "max_length": "must have at most {max_length} characters",
    }

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("wrong_type")
        return super().to_internal_value(data)


def read_body(shape: type[StrictSerializer], request: Request) -> dict[str, Any]:
    """The validated fields of the request's body. Raises DRF's `ValidationError`."""
    validated: dict[str, Any] = _reader(shape).run_validation(request.data)
    return validated


@cache
def _reader(shape: type[StrictSerializer]) -> StrictSerializer:
    """Cached, because creating a serializer costs more than validating with it."""
    return shape()
