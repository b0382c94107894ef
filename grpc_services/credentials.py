"""How services authenticate each other over the network: certificates, a signed token, or both.

- Certificates (mutual TLS): both ends present one that our own authority signed. The connection is
  encrypted.
- Keys: each call carries a token that is valid for a minute and for one service. Nothing is
  encrypted.
- Neither: a server listens on loopback only, and production refuses other targets.
"""

import time
from functools import lru_cache
from pathlib import Path

import grpc
import jwt
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from common.addresses import is_loopback

TOKEN_SECONDS = 60
# Clocks may differ by this much.
LEEWAY_SECONDS = 15
_RENEW_SECONDS = 30
_ALGORITHM = "HS256"

# Needs no token: load balancers and Kubernetes check health, and have no key.
OPEN = "/grpc.health.v1.Health/"

Metadata = tuple[tuple[str, str], ...]


class Exposed(ImproperlyConfigured):
    """A server without credentials would be reachable from other machines."""


def check_exposure(address: str) -> None:
    if not (settings.GRPC_TLS or settings.GRPC_TOKEN_KEYS or is_loopback(address)):
        raise Exposed(
            f"{address} is not on loopback: set GRPC_TOKEN_KEYS, or GRPC_TLS_CA, "
            "GRPC_TLS_CERTIFICATE and GRPC_TLS_KEY"
        )


# Certificates


def server_credentials() -> grpc.ServerCredentials | None:
    if not settings.GRPC_TLS:
        return None
    authority, certificate, key = _certificates()
    return grpc.ssl_server_credentials(
        [(key, certificate)], root_certificates=authority, require_client_auth=True
    )


def channel_credentials() -> grpc.ChannelCredentials | None:
    if not settings.GRPC_TLS:
        return None
    authority, certificate, key = _certificates()
    return grpc.ssl_channel_credentials(authority, key, certificate)


def _certificates() -> tuple[bytes, bytes, bytes]:
    try:
        authority, certificate, key = (
            Path(settings.GRPC_TLS[name]).read_bytes() for name in ("ca", "certificate", "key")
        )
    except OSError as error:
        raise ImproperlyConfigured(f"GRPC_TLS_…: {error}") from None
    return authority, certificate, key


# Tokens


def metadata(service: str) -> Metadata | None:
    """The metadata that authenticates a call to the service; None without keys."""
    keys = settings.GRPC_TOKEN_KEYS
    if not keys:
        return None
    return _metadata(service, keys[0], int(time.time() // _RENEW_SECONDS))


@lru_cache(16)
def _metadata(service: str, key: str, _: int) -> Metadata:
    claims = {"aud": service, "exp": int(time.time()) + TOKEN_SECONDS}
    return (("authorization", f"Bearer {jwt.encode(claims, key, _ALGORITHM)}"),)


def is_authenticated(service: str, authorization: str) -> bool:
    """Whether the header `authorization` has a valid token, signed with one of our keys."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return False
    expiries = (_expiry(service, key, token) for key in settings.GRPC_TOKEN_KEYS)
    return any(expiry + LEEWAY_SECONDS > time.time() for expiry in expiries)


@lru_cache(1024)
def _expiry(service: str, key: str, token: str) -> float:
    """When the token expires; 0 if it is invalid for another reason."""
    try:
        claims = jwt.decode(
            token,
            key,
            [_ALGORITHM],
            audience=service,
            options={"require": ["aud", "exp"], "verify_exp": False},
        )
        return float(claims["exp"])
    except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
        return 0.0
