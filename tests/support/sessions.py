"""Calls that start, refresh and end sessions, and tokens made by hand."""

from datetime import timedelta
from typing import Any

import jwt
from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from tests.support.factories import PASSWORD


def log_in(api: APIClient, email: str = "alice@example.com", password: str = PASSWORD) -> Any:
    return api.post("/users/login", {"email": email, "password": password})


def refresh(api: APIClient, token: str) -> Any:
    return api.post("/users/refresh", {"refresh": token})


def log_out(api: APIClient, token: str) -> Any:
    return api.post("/users/logout", {"refresh": token})


def hello(token: str) -> Any:
    """The answer to a call that requires an access token."""
    return APIClient().get("/hello", HTTP_AUTHORIZATION=f"Bearer {token}")


def claims(user: User, **changed: Any) -> dict[str, Any]:
    """The claims of an access token from before tokens carried a family."""
    now = timezone.now()
    return {
        "token_type": "access",
        "user_id": str(user.id),
        "username": user.username,
        "epoch": user.session_epoch,
        "jti": "a",
        "iat": now,
        "exp": now + timedelta(minutes=1),
    } | changed


def sign(payload: dict[str, Any]) -> str:
    """A token with these claims, signed with the key of accounts."""
    return jwt.encode(payload, settings.SIMPLE_JWT["SIGNING_KEY"], algorithm="EdDSA")
