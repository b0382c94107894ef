"""Authenticates requests by bearer tokens.

Accounts signs the tokens (EdDSA). Every process verifies them by the signature and the revocations,
without a database.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import cast

from django.conf import settings
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import Token

from common.http.revocation import revocations
from common.ids import parse_id

# Verified tokens that a process caches, some 2 kB each.
_MAX_CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Viewer:
    """The signed-in user, from the token."""

    id: int
    username: str

    is_authenticated = True
    is_anonymous = False
    is_active = True

    @property
    def pk(self) -> int:
        return self.id


class TokenAuthentication(JWTStatelessUserAuthentication):
    def get_raw_token(self, header: bytes) -> bytes | None:
        """Accepts the scheme in any case (RFC 9110, 11.1). The base class accepts only `Bearer`."""
        if header[:6].lower() == b"bearer":
            header = b"Bearer" + header[6:]
        raw_token: bytes | None = super().get_raw_token(header)
        return raw_token

    def get_validated_token(self, raw_token: bytes) -> Token:
        token = _verify(raw_token)
        leeway: timedelta = settings.SIMPLE_JWT["LEEWAY"]
        # a cached token may have expired since it was verified
        if token["exp"] <= time.time() - leeway.total_seconds():
            raise InvalidToken("the token has expired")
        return token

    def get_user(self, validated_token: Token) -> Viewer:  # type: ignore[override]
        user_id = parse_id(str(validated_token.get("user_id", "")))
        epoch = validated_token.get("epoch")
        family = validated_token.get("family")
        if user_id is None or not isinstance(epoch, int) or not isinstance(family, str | None):
            raise InvalidToken("the token has no user id")
        if revocations.is_revoked(user_id, epoch, family):
            raise InvalidToken("the session has ended")
        return Viewer(id=user_id, username=str(validated_token.get("username", "")))


@lru_cache(_MAX_CACHED)
def _verify(raw_token: bytes) -> Token:
    """Cached, because verifying a signature costs as much as a cached page."""
    try:
        return JWTStatelessUserAuthentication().get_validated_token(raw_token)
    except RecursionError:  # its header is parsed as JSON before the signature is verified
        raise InvalidToken("the token is malformed") from None


def viewer_id(request: Request) -> int:
    """The viewer's id, in a view that requires one."""
    return cast(Viewer, request.user).id


def find_viewer_id(request: Request) -> int | None:
    return viewer_id(request) if request.user.is_authenticated else None
