"""Who is asking: a bearer token, verified by its signature alone.

The token is signed by accounts (EdDSA) and carries all that a request needs to know, so no
process reads a database to answer *who is this*.
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

# Verified tokens that a process remembers, some 2 kB each.
_VERIFIED = 10_000


@dataclass(frozen=True, slots=True)
class Viewer:
    """The signed-in user, as the token tells."""

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
        """Takes the scheme in any case (RFC 9110, 11.1); the base class knows `Bearer` alone."""
        if header[:6].lower() == b"bearer":
            header = b"Bearer" + header[6:]
        raw_token: bytes | None = super().get_raw_token(header)
        return raw_token

    def get_validated_token(self, raw_token: bytes) -> Token:
        token = _verify(raw_token)
        leeway: timedelta = settings.SIMPLE_JWT["LEEWAY"]
        # it may have been verified a while ago
        if token["exp"] <= time.time() - leeway.total_seconds():
            raise InvalidToken("the token has expired")
        return token

    def get_user(self, validated_token: Token) -> Viewer:  # type: ignore[override]
        user_id = parse_id(str(validated_token.get("user_id", "")))
        epoch = validated_token.get("epoch")
        family = validated_token.get("family")
        if user_id is None or not isinstance(epoch, int) or not isinstance(family, str | None):
            raise InvalidToken("the token names no user")
        if revocations.is_revoked(user_id, epoch, family):
            raise InvalidToken("the session has ended")
        return Viewer(id=user_id, username=str(validated_token.get("username", "")))


@lru_cache(_VERIFIED)
def _verify(raw_token: bytes) -> Token:
    """A signature that was valid stays so: checking one costs as much as a page from the cache."""
    try:
        return JWTStatelessUserAuthentication().get_validated_token(raw_token)
    except RecursionError:  # its header is JSON that is read before the signature is checked
        raise InvalidToken("the token can't be read") from None


def viewer_id(request: Request) -> int:
    """The signed-in reader's id, in a view that asks for one."""
    return cast(Viewer, request.user).id


def find_viewer_id(request: Request) -> int | None:
    return viewer_id(request) if request.user.is_authenticated else None
