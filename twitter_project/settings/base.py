"""What every environment shares, and the switches between embedded and real parts.

Every real part has a URL in the environment; a part whose URL is unset is embedded. Nothing
outside this folder knows which it is.
"""

import sys
from datetime import timedelta
from logging import getLevelNamesMapping
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from environs import Env, validate

from . import tls

env = Env()

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATA_DIR = Path(env.str("DATA_DIR", "") or BASE_DIR / "var")

DEBUG = False
IS_PRODUCTION = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
ROOT_URLCONF = "twitter_project.urls"
WSGI_APPLICATION = "twitter_project.wsgi.application"
ASGI_APPLICATION = "twitter_project.asgi.application"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The services that this process serves: their URLs, gRPC servicers and event handlers.
SERVICES: list[str] = env.list("SERVICES", ["accounts", "tweets", "feed", "search"])
if unknown := set(SERVICES) - {"accounts", "tweets", "feed", "search"}:
    raise ImproperlyConfigured(f"SERVICES: there is no service {min(unknown)!r}")

PORT: int = env.int(
    "PORT", 8000, validate=validate.Range(0, 65535)
)  # where `manage.py serve` listens

INSTALLED_APPS = [
    "twitter_project",  # first: its runserver takes the place of Django's
    "twitter_project.apps.AdminConfig",  # urls.py finds the admin's modules
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "accounts",
    "tweets",
    "feed",
    "search",
    "grpc_services",
    "messaging",
]

ADMIN_PATH: str = env.str("ADMIN_PATH", "admin").strip("/") + "/"
ADMIN_TWO_FACTOR = False  # asked of everyone in production, elsewhere of those who have a device
OTP_TOTP_ISSUER = "microblog admin"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = None  # twitter_project.headers sends it, over HTTPS alone
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

MIDDLEWARE = [
    "twitter_project.headers.Headers",
    "twitter_project.middleware.Probes",
    "twitter_project.request_telemetry.Watch",
    "django.middleware.security.SecurityMiddleware",
    "twitter_project.request_limits.Gate",
    "twitter_project.middleware.ByPath",
]
# What the API, which knows no sessions and no files, should not pay for.
MIDDLEWARE_BY_PATH = {
    "/static/": ["whitenoise.middleware.WhiteNoiseMiddleware"],
    f"/{ADMIN_PATH}": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django_otp.middleware.OTPMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "/static/"
STATIC_ROOT: Path | None = None
WHITENOISE_USE_FINDERS = True  # no collectstatic on a developer's machine


# Who signs the certificates of the servers below, where their URLs ask for TLS.

TLS_CA_FILE: str | None = env.str("TLS_CA_FILE", "") or None
if TLS_CA_FILE:
    tls.check_authority("TLS_CA_FILE", TLS_CA_FILE)


# Databases: DATABASE_URL serves all, <SERVICE>_DATABASE_URL gives a service one of its own.

_SQLITE = "sqlite:///"


def _seconds(name: str, otherwise: float) -> float:
    found: float = env.float(name, otherwise)
    if not found > 0:
        raise ImproperlyConfigured(f"{name}: a number of seconds above 0")
    return found


def _database(name: str, url: str) -> dict[str, Any]:
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
    place = _libpq(name, url)
    if place.get("sslrootcert", tls.SYSTEM) != tls.SYSTEM:
        tls.check_authority(name, place["sslrootcert"])
    # No scheme of PostgreSQL's asks for TLS: TLS_CA_FILE does, and what the URL says (sslmode,
    # sslrootcert) counts before it.
    verified = {"sslmode": "verify-full", "sslrootcert": TLS_CA_FILE} if TLS_CA_FILE else {}
    return {
        "ENGINE": "common.postgresql",  # Django's own, which checks its health for less
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        # PgBouncer may lend connections by transaction, which a cursor on the server outlives.
        # Whatever is long is read by pages.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "NAME": place.pop("dbname", ""),
        "USER": place.pop("user", ""),
        "PASSWORD": place.pop("password", ""),
        "HOST": place.pop("host", ""),
        "PORT": place.pop("port", ""),
        # Under a network that drops everything, a wait without a deadline of ours ends after a
        # minute.
        "OPTIONS": {
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,  # milliseconds
            **verified,
            **place,
        },
    }


def _libpq(name: str, url: str) -> dict[str, str]:
    """As libpq reads it; of several hosts, the one that takes writes."""
    from psycopg2 import ProgrammingError  # who has SQLite does without
    from psycopg2.extensions import parse_dsn

    try:
        if not url.startswith(("postgres://", "postgresql://")):
            raise ProgrammingError
        place: dict[str, str] = parse_dsn(url)
    except ProgrammingError:  # which may quote the password
        raise ImproperlyConfigured(
            f"{name}: neither {_SQLITE}PATH nor a postgres:// URL that libpq can read. Is each of "
            "its options one of libpq's, and a % in its password %25?"
        ) from None
    hosts, ports = (place.get(key, "").count(",") + 1 for key in ("host", "port"))
    if ports not in (1, hosts):
        raise ImproperlyConfigured(f"{name}: {hosts} hosts and {ports} ports")
    if hosts > 1:
        place.setdefault("target_session_attrs", "read-write")
    return place


DATABASE_URL: str = env.str("DATABASE_URL", "") or f"{_SQLITE}{DATA_DIR / 'db.sqlite3'}"
# A file that only this machine's processes see: whoever serves it migrates it and seeds it, too.
EMBEDDED_DATABASE: bool = DATABASE_URL.startswith(_SQLITE)
DATABASES = {"default": _database("DATABASE_URL", DATABASE_URL)}
SERVICE_DATABASES = {"messaging": "default"}
_ALIASES = {DATABASE_URL: "default"}
for _service in ("accounts", "tweets", "feed", "search"):
    _name = f"{_service.upper()}_DATABASE_URL"
    _url: str = env.str(_name, "") or DATABASE_URL
    if _url not in _ALIASES:
        _ALIASES[_url] = _service
        DATABASES[_service] = _database(_name, _url)
    SERVICE_DATABASES[_service] = _ALIASES[_url]
# How long a request or a call waits for an answer of PostgreSQL, and how long relay and workers do,
# for whom nobody waits. Commands that end by themselves wait until they are interrupted.
DATABASE_DEADLINE_SECONDS: float = _seconds("DATABASE_DEADLINE_SECONDS", 5.0)
DATABASE_PATIENCE_SECONDS: float = _seconds("DATABASE_PATIENCE_SECONDS", 30.0)
DATABASE_ROUTERS = ["common.db.ServiceRouter"]

# How a commit wakes the outbox relay.
OUTBOX_WAKEUP = {
    "BACKEND": "messaging.wakeup.InProcessWakeup"
    if EMBEDDED_DATABASE
    else "messaging.wakeup.PostgresWakeup"
}


# Redis: timelines, caches, revoked sessions, request rates.


def _redis(url: str, *, is_real: bool) -> dict[str, Any]:
    if is_real:
        # redis-py would take the class by the URL's scheme, and takes what is named here
        is_secure = url.startswith("rediss:")
        name = "SecureConnection" if is_secure else "Connection"
        connection_class = import_string(f"common.redis.connection.{name}")
        pool = {"max_connections": 64, "connection_class": connection_class}
    else:
        # imported by name: it takes a good part of a start, and real parts don't need it
        pool = {"connection_class": import_string("common.redis.in_process.Connection")}
    return {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": url,
        "OPTIONS": {
            "SOCKET_CONNECT_TIMEOUT": 2,
            "SOCKET_TIMEOUT": 5,
            "CONNECTION_POOL_KWARGS": pool,
            "IGNORE_EXCEPTIONS": True,  # a cache: without it everything is slower, nothing fails
        },
    }


REDIS_URL: str | None = env.str("REDIS_URL", None)
if REDIS_URL:
    REDIS_URL = tls.with_authority("REDIS_URL", REDIS_URL, TLS_CA_FILE)
CACHES: dict[str, dict[str, Any]] = {
    "default": _redis(REDIS_URL or "redis://embedded/0", is_real=bool(REDIS_URL))
}
# The servers that share the timelines: see common/redis/shards.py.
FEED_REDIS_URLS: list[str] = list(map(str.strip, env.list("FEED_REDIS_URLS", [])))
if FEED_REDIS_URLS and not REDIS_URL:
    raise ImproperlyConfigured("FEED_REDIS_URLS: only beside a REDIS_URL, which holds the rest")
for _n, _place in enumerate(FEED_REDIS_URLS, 1):  # which may hold a password, so it isn't shown
    if not _place.startswith(("redis://", "rediss://")):
        raise ImproperlyConfigured(f"FEED_REDIS_URLS: number {_n} is no redis:// or rediss:// URL")
    if FEED_REDIS_URLS.index(_place) < _n - 1:
        raise ImproperlyConfigured(f"FEED_REDIS_URLS: number {_n} stands there twice")
FEED_REDIS_URLS = [
    tls.with_authority(f"FEED_REDIS_URLS: number {_n}", _url, TLS_CA_FILE)
    for _n, _url in enumerate(FEED_REDIS_URLS, 1)
]
_feed_shards = {f"feed{_n}": _url for _n, _url in enumerate(FEED_REDIS_URLS)}
CACHES |= {_name: _redis(_url, is_real=True) for _name, _url in _feed_shards.items()}
FEED_SHARDS: list[str] = list(_feed_shards) or ["default"]
FEED_SHOWN = 800  # entries of a timeline that are shown from Redis; older ones from the database
# With more followers than this an author isn't pushed: readers merge the author's own list.
FEED_PULL_FOLLOWERS: int = env.int("FEED_PULL_FOLLOWERS", 100_000, validate=validate.Range(0))


# The broker, and the worker that each service declares.

RABBITMQ_URL: str | None = env.str("RABBITMQ_URL", None)
if RABBITMQ_URL:
    RABBITMQ_URL = tls.with_authority("RABBITMQ_URL", RABBITMQ_URL, TLS_CA_FILE)
BROKER: dict[str, Any] = (
    {"BACKEND": "messaging.backends.rabbitmq.broker.RabbitMQBroker", "url": RABBITMQ_URL}
    if RABBITMQ_URL
    else {"BACKEND": "messaging.backends.in_process.InProcessBroker"}
)
WORKERS = {
    "tweets": "tweets.handlers.WORKER",
    "feed": "feed.handlers.WORKER",
    "feed.slices": "feed.handlers.SLICES",
    "search": "search.handlers.WORKER",
    "search.slices": "search.handlers.SLICES",
}
# Started beside the requests by wsgi.py and asgi.py.
LOOPS = [] if RABBITMQ_URL else ["messaging.background_threads.start"]
# The relay prunes these besides the outbox: each call deletes a batch of old rows and counts them.
PRUNES: dict[str, list[str]] = {
    "accounts": [
        "accounts.services.prune_spent_refreshes",
        "accounts.services.prune_tweet_counts",
        "accounts.services.prune_admin_sessions",
    ],
    "tweets": ["tweets.services.prune_idempotency_keys"],
}
# Calls that make this process's embedded parts, before the loops and any other thread start: two
# threads that were the first to ask for a part would make two. Redis is made by its import.
EMBEDDED_PARTS: list[str] = []
if EMBEDDED_DATABASE:
    EMBEDDED_PARTS.append("messaging.wakeup.backend")
if not RABBITMQ_URL:
    EMBEDDED_PARTS.append("messaging.broker.broker")


# The search index.

ELASTICSEARCH_URL: str | None = env.str("ELASTICSEARCH_URL", None)
if ELASTICSEARCH_URL:
    tls.check_url("ELASTICSEARCH_URL", ELASTICSEARCH_URL)
# For each client: it finds no authority in a URL.
ELASTICSEARCH_TLS: dict[str, Any] = {"ca_certs": TLS_CA_FILE} if TLS_CA_FILE else {}
ELASTICSEARCH_INDEX: str = env.str("ELASTICSEARCH_INDEX", "tweets")
SEARCH_INDEX: dict[str, Any] = (
    {"BACKEND": "search.backends.elasticsearch.ElasticsearchIndex"}
    if ELASTICSEARCH_URL
    else {"BACKEND": "search.backends.sqlite.SqliteIndex", "path": str(DATA_DIR / "search.sqlite3")}
)
if not ELASTICSEARCH_URL and "search" in SERVICES:
    EMBEDDED_PARTS.append("search.index.index")
if ELASTICSEARCH_URL and "search" in SERVICES:  # it takes as long to import as Django itself
    INSTALLED_APPS.append("django_elasticsearch_dsl")
ELASTICSEARCH_DSL = {
    "default": {
        "hosts": ELASTICSEARCH_URL or "http://127.0.0.1:9200",
        **ELASTICSEARCH_TLS,
        "request_timeout": 5,
        "max_retries": 0,
        "retry_on_timeout": False,
    }
}
ELASTICSEARCH_DSL_AUTOSYNC = False
# Listens to nothing: its default hears every save, and makes Django fetch all rows that a deletion
# takes along.
ELASTICSEARCH_DSL_SIGNAL_PROCESSOR = "django_elasticsearch_dsl.signals.BaseSignalProcessor"
ELASTICSEARCH_DSL_AUTO_REFRESH = False


# gRPC: who answers, and where a client asks.

GRPC_SERVICERS = {
    "accounts": "accounts.servicer.UserServicer",
    "tweets": "tweets.servicer.TweetServicer",
}
GRPC_LISTEN = {
    "accounts": env.str("USERS_GRPC_LISTEN", "127.0.0.1:50051"),
    "tweets": env.str("TWEETS_GRPC_LISTEN", "127.0.0.1:50052"),
}
# How they know each other (grpc_services/credentials.py). The first key signs, all are good.
GRPC_TOKEN_KEYS: list[str] = env.list("GRPC_TOKEN_KEYS", [])
if any(len(_key) < 32 for _key in GRPC_TOKEN_KEYS):
    raise ImproperlyConfigured("GRPC_TOKEN_KEYS: a key has 32 characters at least")
# Files: the authority that signed all certificates, this process's own, and its key.
GRPC_TLS: dict[str, str] = {
    _name: _path
    for _name in ("ca", "certificate", "key")
    if (_path := env.str(f"GRPC_TLS_{_name.upper()}", ""))
}
if len(GRPC_TLS) not in (0, 3):
    raise ImproperlyConfigured("GRPC_TLS_CA, GRPC_TLS_CERTIFICATE, GRPC_TLS_KEY: all or none")
GRPC_DEADLINE_SECONDS: float = _seconds("GRPC_DEADLINE_SECONDS", 5.0)


def _channel(target: str | None) -> dict[str, str]:
    if target:
        return {"BACKEND": "grpc_services.channels.network_channel", "TARGET": target}
    return {"BACKEND": "grpc_services.channels.InProcessChannel"}


USERS_GRPC: str | None = env.str("USERS_GRPC", None)
TWEETS_GRPC: str | None = env.str("TWEETS_GRPC", None)
GRPC_CHANNELS = {"accounts": _channel(USERS_GRPC), "tweets": _channel(TWEETS_GRPC)}


# The parts that /ready asks besides the databases.


def _probe(name: str, url: str | None, *, otherwise: str = "embedded", **options: str) -> Any:
    if url:
        return {"BACKEND": f"twitter_project.probes.{name}", "url": url, **options}
    return {"BACKEND": f"twitter_project.probes.{otherwise}"}


PROBES = {
    "redis": _probe("redis", REDIS_URL, otherwise="embedded_redis"),
    **{_name: _probe("redis", _url) for _name, _url in _feed_shards.items()},
    "broker": _probe("rabbitmq", RABBITMQ_URL, otherwise="embedded_broker"),
    "search": _probe("elasticsearch", ELASTICSEARCH_URL, otherwise="embedded_search"),
    "accounts": _probe("grpc", USERS_GRPC, service="accounts"),
    "tweets": _probe("grpc", TWEETS_GRPC, service="tweets"),
}


# Who may do what.

AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = [
    "auth.E003",  # usernames are unique whatever the case, by a constraint it does not know
    *("admin.E408", "admin.E409", "admin.E410"),  # what it misses is in MIDDLEWARE_BY_PATH
    "security.W002",  # twitter_project.headers denies frames
    "security.W003",  # the admin checks CSRF by itself
]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "accounts.passwords.LengthValidator"}]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",  # 12 rounds
]
# How far a machine's clock may be from the servers': `doctor` finds those that are further. Two
# machines may then differ by twice as much.
CLOCK_SKEW_SECONDS = 1.0
SIMPLE_JWT: dict[str, Any] = {
    "ALGORITHM": "EdDSA",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "LEEWAY": timedelta(seconds=2 * CLOCK_SKEW_SECONDS),
    "UPDATE_LAST_LOGIN": False,
}

# How many others an account may follow. A lower limit than before ends no follow.
MAX_FOLLOWING: int = env.int("MAX_FOLLOWING", 7500)

# How often one may ask: `common.http.throttling`, and `accounts.attempts` for what is guessed.
RATES: dict[str, str | None] = {
    scope: env.str(f"{scope.upper()}_RATE", rate)
    for scope, rate in {
        "address": "6000/min",  # all requests of one address together
        # of one user, or of one address where nobody is signed in; of one session where a refresh
        # token is sent
        "read": "600/min",
        "search": "120/min",
        "write": "120/min",
        "tweet": "60/min",
        "login": "120/min",
        "register": "60/min",
        # wrong passwords: of an account from one address, from all that it doesn't know, and from
        # anywhere by who is signed in to it; and of an address for all accounts. A bucket gives
        # twice its rate in its first hour, so this is no more than 100 guesses an hour for one
        # account.
        "guess": "20/hour",
        "guess_account": "20/hour",
        "guess_signed_in": "10/hour",
        "guess_address": "100/hour",
    }.items()
}
if not env.bool("RATE_LIMITS", True):  # for load tests
    RATES = dict.fromkeys(RATES)
NUM_PROXIES: int = env.int("NUM_PROXIES", 0, validate=validate.Range(0))
# Where they say who asks: in X-Forwarded-For and X-Forwarded-Proto, or in Forwarded (RFC 7239).
# WSGI can't tell X_Forwarded_For from X-Forwarded-For; no other name looks like Forwarded.
PROXY_HEADERS: str = env.str(
    "PROXY_HEADERS", "x-forwarded", validate=validate.OneOf(["x-forwarded", "forwarded"])
)

MAX_BODY_BYTES = 64 * 1024
MAX_QUERY_BYTES = 10_000  # a search for 500 characters is up to 6,000, a cursor some hundreds
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # the admin's forms

CSRF_FAILURE_VIEW = "common.http.exceptions.forbidden"

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["common.http.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["common.http.json.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["common.http.json.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.http.json.OnlyJSON",
    "DEFAULT_SCHEMA_CLASS": "common.http.schema.Schema",
    "DEFAULT_THROTTLE_CLASSES": ["common.http.throttling.Throttle"],
    "EXCEPTION_HANDLER": "common.http.exceptions.handle",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "TEST_REQUEST_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Twitter-like microblogging",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "ENFORCE_NON_BLANK_FIELDS": True,
}

CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}


# For those who run it.

# Where this process shows its health and its metrics: a port of loopback, or HOST:PORT.
MONITOR_LISTEN: str = env.str("MONITOR_LISTEN", "")
# OpenTelemetry reads its own variables; without the first of them it is off.
TRACING: bool = bool(env.str("OTEL_EXPORTER_OTLP_ENDPOINT", ""))
TRACED_AS: str = env.str("OTEL_SERVICE_NAME", "") or " ".join(["microblog", *sys.argv[1:2]])
# Of the requests; what follows from a request is traced if the request is.
TRACED_SHARE: float = env.float("OTEL_TRACES_SAMPLER_ARG", 1.0)
# Whether questions to other services are counted or traced.
WATCHED: bool = bool(MONITOR_LISTEN) or TRACING

ACCESS_LOG: bool = env.bool("ACCESS_LOG", False)  # a line for each request

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "common.observability.logs.Context"}},
    "formatters": {
        "line": {
            "()": "common.observability.logs.LineFormatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
        "json": {"()": "common.observability.logs.JSONFormatter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "filters": ["context"],
            "formatter": env.str("LOG_FORMAT", "line", validate=validate.OneOf(["line", "json"])),
        }
    },
    "root": {
        "handlers": ["console"],
        "level": env.str(
            "LOG_LEVEL", "INFO", validate=validate.OneOf(list(getLevelNamesMapping()))
        ),
    },
    "loggers": {
        "pika": {"level": "CRITICAL"},  # our own line says it, once
        "elastic_transport": {"level": "ERROR"},
        "django_redis": {"level": "ERROR"},
        "django.request": {"level": "ERROR"},  # a client's mistake is no news
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
