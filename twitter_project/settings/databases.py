"""`DATABASE_URL` serves all services; `<SERVICE>_DATABASE_URL` gives one a database of its own."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from . import tls
from .environment import ALL_SERVICES, DATA_DIR, TLS_CA_FILE, env, read_seconds

_SQLITE = "sqlite:///"


def read_database_url(name: str, url: str) -> dict[str, Any]:
    """The entry of `DATABASES` for this URL. Errors name the variable and never show the URL."""
    if url.startswith(_SQLITE):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix(_SQLITE),
            "CONN_MAX_AGE": 600,
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    parameters = _read_libpq_url(name, url)
    if parameters.get("sslrootcert", tls.SYSTEM) != tls.SYSTEM:
        tls.check_authority(name, parameters["sslrootcert"])
    # A postgres:// URL has no scheme that asks for TLS, so TLS_CA_FILE asks for it. The URL's own
    # sslmode and sslrootcert take precedence.
    verified = {"sslmode": "verify-full", "sslrootcert": TLS_CA_FILE} if TLS_CA_FILE else {}
    return {
        "ENGINE": "common.postgresql",  # Django's own, with a cheaper health check
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        # PgBouncer may pool by transaction; a server-side cursor outlives its transaction.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "NAME": parameters.pop("dbname", ""),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
        # On a network that drops all packets, a wait without a deadline ends after a minute.
        "OPTIONS": {
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,  # milliseconds
            **verified,
            **parameters,
        },
    }


def _read_libpq_url(name: str, url: str) -> dict[str, str]:
    """The URL's parameters as libpq reads them. Of several hosts, libpq picks the writable one."""
    from psycopg2 import ProgrammingError  # SQLite needs no psycopg2
    from psycopg2.extensions import parse_dsn

    try:
        if not url.startswith(("postgres://", "postgresql://")):
            raise ProgrammingError
        parameters: dict[str, str] = parse_dsn(url)
    except ProgrammingError:  # its message may quote the password
        raise ImproperlyConfigured(
            f"{name}: must be {_SQLITE}PATH or a postgres:// URL that libpq can read. Check that "
            "each option is one of libpq's, and write a % in the password as %25"
        ) from None
    hosts, ports = (parameters.get(key, "").count(",") + 1 for key in ("host", "port"))
    if ports not in (1, hosts):
        raise ImproperlyConfigured(f"{name}: has {hosts} hosts and {ports} ports")
    if hosts > 1:
        parameters.setdefault("target_session_attrs", "read-write")
    return parameters


DATABASE_URL: str = env.str("DATABASE_URL", "") or f"{_SQLITE}{DATA_DIR / 'db.sqlite3'}"
# A file on this machine. The process that serves it also migrates and seeds it.
EMBEDDED_DATABASE: bool = DATABASE_URL.startswith(_SQLITE)
DATABASES = {"default": read_database_url("DATABASE_URL", DATABASE_URL)}
SERVICE_DATABASES = {"messaging": "default"}
_aliases = {DATABASE_URL: "default"}
for _service in ALL_SERVICES:
    _name = f"{_service.upper()}_DATABASE_URL"
    _url: str = env.str(_name, "") or DATABASE_URL
    if _url not in _aliases:
        _aliases[_url] = _service
        DATABASES[_service] = read_database_url(_name, _url)
    SERVICE_DATABASES[_service] = _aliases[_url]
DATABASE_ROUTERS = ["common.db.ServiceRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# How long a statement of a request or an RPC may take, and how long one of the relay or a worker.
# Commands that end by themselves have no deadline.
DATABASE_DEADLINE_SECONDS: float = read_seconds("DATABASE_DEADLINE_SECONDS", 5.0)
DATABASE_PATIENCE_SECONDS: float = read_seconds("DATABASE_PATIENCE_SECONDS", 30.0)

# How a commit wakes the outbox relay.
OUTBOX_WAKEUP = {
    "BACKEND": "messaging.wakeup.InProcessWakeup"
    if EMBEDDED_DATABASE
    else "messaging.wakeup.PostgresWakeup"
}
