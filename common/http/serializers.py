"""Serializers and fields that take what the API's description says, and nothing else."""

from functools import cache
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it doesn't know: a misspelt field is an error, not a silent default."""

    default_error_messages = {"wrong_type": "must be a JSON object"}  # noqa: RUF012

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError(
                {"body": [self.error_messages["wrong_type"]]}, code="wrong_type"
            )
        unknown = [name for name in data if name not in self.fields]
        if unknown:
            raise serializers.ValidationError(
                {name: ["no such field"] for name in unknown}, code="unknown"
            )
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """A string and nothing that could be turned into one. Surrounding white space is cut off."""

    default_error_messages = {  # noqa: RUF012
        "wrong_type": "must be a string",
        "blank": "must not be empty",
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
    """Made once: a new one copies all its fields, which costs more than to check them."""
    return shape()
