"""Access and refresh tokens, which only accounts can sign.

Both carry the user, the session epoch and the family: all tokens that descend from one log-in.
Tokens of older versions carry no family; refreshing one starts a family. A refresh token works
once: `services.refresh_session` stores its `jti` as spent.
"""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.models import User
from common.errors import Unauthenticated
from common.ids import parse_id

# Rows and revocations outlive their token by this: see `common.http.revocation`.
_OUTLASTS: timedelta = 3 * settings.SIMPLE_JWT["LEEWAY"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    token: str
    refresh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshClaims:
    user_id: int
    epoch: int
    family: str | None
    jti: str
    expires_at: datetime  # after which no host accepts the token, whatever its clock


def issue(user: User, *, family: str | None = None) -> TokenPair:
    """A new pair of tokens, in a new family unless one is given."""
    refresh = RefreshToken()
    refresh["user_id"] = str(user.id)
    refresh["username"] = user.username
    refresh["epoch"] = user.session_epoch
    refresh["family"] = family or uuid.uuid4().hex
    return TokenPair(token=str(refresh.access_token), refresh=str(refresh))


def read_refresh(text: str) -> RefreshClaims:
    """Raises `Unauthenticated` unless it is a refresh token of ours that has not expired."""
    try:
        claims = RefreshToken(text)  # type: ignore[arg-type]
    except (TokenError, RecursionError):  # a deeply nested header, read before the signature
        raise not_valid() from None
    user_id, epoch = parse_id(str(claims.get("user_id"))), claims.get("epoch")
    family = claims.get("family")
    if user_id is None or not isinstance(epoch, int) or not isinstance(family, str | None):
        raise not_valid()
    return RefreshClaims(
        user_id=user_id,
        epoch=epoch,
        family=family,
        jti=str(claims["jti"]),
        expires_at=datetime.fromtimestamp(claims["exp"], tz=UTC) + _OUTLASTS,
    )


def find_session(text: str) -> str | None:
    """The rate limiter's name for the session of a valid refresh token."""
    try:
        claims = read_refresh(text)
    except Unauthenticated:
        return None
    return claims.family or f"user {claims.user_id}"


def latest_refresh_expiry() -> datetime:
    """When every refresh token issued until now has expired, whatever a host's clock says."""
    lifetime: timedelta = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
    return timezone.now() + lifetime + _OUTLASTS


def not_valid() -> Unauthenticated:
    return Unauthenticated("refresh: is not valid, has expired or was used; log in again")
