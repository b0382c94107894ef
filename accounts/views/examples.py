"""Responses and examples that several views describe to the OpenAPI schema."""

from drf_spectacular.utils import OpenApiResponse

from hydration.shapes import USER_EXAMPLE

ACCOUNT = USER_EXAMPLE | {"email": "alice@example.com"}
PERSON = USER_EXAMPLE | {"following": True, "followed_by": False}

NOTHING = OpenApiResponse(description="Done.")
