"""How services know each other over the network: certificates, a signed token, or both.

With certificates (mutual TLS) both ends show one that the house's own authority has signed, and
what crosses is encrypted. With keys, each call carries a token that lives for a minute and names
the service that is asked; what crosses can still be read. Without either a server listens on
loopback alone, and production asks nobody elsewhere.
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
# By how much clocks may differ.
LEEWAY_SECONDS = 15
_RENEW_SECONDS = 30
_ALGORITHM = "HS256"

# Health is asked by balancers and Kubernetes, which hold no key. It tells nothing else.
OPEN = "/grpc.health.v1.Health/"

Metadata = tuple[tuple[str, str], ...]


class Exposed(ImproperlyConfigured):
    """An address beyond this machine, and nothing that keeps strangers out."""


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
    """What a call to the service carries."""
    keys = settings.GRPC_TOKEN_KEYS
    if not keys:
        return None
    return _metadata(service, keys[0], int(time.time() // _RENEW_SECONDS))


@lru_cache(16)
def _metadata(service: str, key: str, _: int) -> Metadata:
    claims = {"aud": service, "exp": int(time.time()) + TOKEN_SECONDS}
    return (("authorization", f"Bearer {jwt.encode(claims, key, _ALGORITHM)}"),)


def is_admitted(service: str, authorization: str) -> bool:
    """Whether a header of this value comes from somebody who holds one of our keys."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return False
    expiries = (_expiry(service, key, token) for key in settings.GRPC_TOKEN_KEYS)
    return any(expiry + LEEWAY_SECONDS > time.time() for expiry in expiries)


@lru_cache(1024)
def _expiry(service: str, key: str, token: str) -> float:
    """When the token ends; 0 for one that isn't good at all."""
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
