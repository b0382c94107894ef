"""The environment's reader, and the settings that several files of this folder need."""

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from environs import Env

from . import tls

env = Env()

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(env.str("DATA_DIR", "") or BASE_DIR / "var")

ALL_SERVICES = ("accounts", "tweets", "feed", "search")
# The services that this process serves: their URLs, gRPC servicers and event handlers.
SERVICES: list[str] = env.list("SERVICES", list(ALL_SERVICES))
if unknown := set(SERVICES) - set(ALL_SERVICES):
    raise ImproperlyConfigured(f"SERVICES: there is no service {min(unknown)!r}")

# The authority that signed the servers' certificates, for every URL that asks for TLS.
TLS_CA_FILE: str | None = env.str("TLS_CA_FILE", "") or None
if TLS_CA_FILE:
    tls.check_authority("TLS_CA_FILE", TLS_CA_FILE)


def read_seconds(name: str, default: float) -> float:
    seconds: float = env.float(name, default)
    if not seconds > 0:
        raise ImproperlyConfigured(f"{name}: must be a number of seconds above 0")
    return seconds
