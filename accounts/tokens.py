"""Access and refresh tokens, signed by accounts alone.

Both carry who it is and the session epoch, see `common.authentication`. A refresh token counts
once: `services.refresh_session` keeps its `jti` as spent.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from accounts.models import User
from common.errors import Unauthenticated
from common.ids import parse_id


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    token: str
    refresh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshClaims:
    user_id: int
    epoch: int
    jti: str
    expires_at: datetime


def issue(user: User) -> TokenPair:
    refresh = RefreshToken()
    refresh["user_id"] = str(user.id)
    refresh["username"] = user.username
    refresh["epoch"] = user.session_epoch
    return TokenPair(token=str(refresh.access_token), refresh=str(refresh))


def read_refresh(text: str) -> RefreshClaims:
    """Raises `Unauthenticated` for whatever isn't a refresh token of ours that still runs."""
    try:
        claims = RefreshToken(text)  # type: ignore[arg-type]
    except (TokenError, RecursionError):  # its header is read before its signature is checked
        raise not_valid() from None
    user_id, epoch = parse_id(str(claims.get("user_id"))), claims.get("epoch")
    if user_id is None or not isinstance(epoch, int):
        raise not_valid()
    return RefreshClaims(
        user_id=user_id,
        epoch=epoch,
        jti=str(claims["jti"]),
        expires_at=datetime.fromtimestamp(claims["exp"], tz=UTC),
    )


def not_valid() -> Unauthenticated:
    return Unauthenticated("the refresh token is not valid, has expired or was used")
