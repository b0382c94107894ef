"""Access and refresh tokens, signed by accounts alone.

Both carry the user, the session epoch and the session's family, see `common.http.authentication`. A
refresh token counts once: `services.refresh_session` keeps its `jti` as spent.

A family is all tokens that descend from one log-in. Tokens from before there were families carry
none; refreshing one starts a family.
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

# For how long after a token's expiry a fact about it is kept: see `common.http.revocation`.
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
    expires_at: datetime  # by every clock


def issue(user: User, *, family: str | None = None) -> TokenPair:
    """A new pair, of a new family unless one is given."""
    refresh = RefreshToken()
    refresh["user_id"] = str(user.id)
    refresh["username"] = user.username
    refresh["epoch"] = user.session_epoch
    refresh["family"] = family or uuid.uuid4().hex
    return TokenPair(token=str(refresh.access_token), refresh=str(refresh))


def read_refresh(text: str) -> RefreshClaims:
    """Raises `Unauthenticated` for anything but a refresh token of ours that has not expired."""
    try:
        claims = RefreshToken(text)  # type: ignore[arg-type]
    except (TokenError, RecursionError):  # its header is read before its signature is checked
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
    """Names the session of a valid refresh token, for counting its requests."""
    try:
        claims = read_refresh(text)
    except Unauthenticated:
        return None
    return claims.family or f"user {claims.user_id}"


def latest_refresh_expiry() -> datetime:
    """When every refresh token that was issued until now has expired by every clock."""
    lifetime: timedelta = settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"]
    return timezone.now() + lifetime + _OUTLASTS


def not_valid() -> Unauthenticated:
    return Unauthenticated("the refresh token is not valid, has expired or was used")
