"""Production: it starts only with real parts and secrets, all from the environment."""

from django.core.exceptions import ImproperlyConfigured

from common.addresses import is_loopback

from .base import *

IS_PRODUCTION = True


def _need(name: str) -> str:
    value: str = env.str(name, "")
    if not value:
        raise ImproperlyConfigured(f"{name}: is required in production; set it in the environment")
    return value


for _name in ("DATABASE_URL", "REDIS_URL", "RABBITMQ_URL"):
    _need(_name)
if "search" in SERVICES:
    _need("ELASTICSEARCH_URL")

SECRET_KEY = _need("SECRET_KEY")
_signing_key = _need("JWT_SIGNING_KEY") if "accounts" in SERVICES else "none"
# "none" in processes that don't serve accounts over HTTP, and so sign no tokens
SIMPLE_JWT["SIGNING_KEY"] = "" if _signing_key == "none" else _signing_key
SIMPLE_JWT["VERIFYING_KEY"] = _need("JWT_VERIFYING_KEY")
ALLOWED_HOSTS = _need("ALLOWED_HOSTS").split(",")

if not (GRPC_TLS or GRPC_TOKEN_KEYS):
    for _address in (USERS_GRPC, TWEETS_GRPC, *GRPC_LISTEN.values()):
        if _address and not is_loopback(_address):
            raise ImproperlyConfigured(
                f"{_address}: gRPC beyond loopback needs GRPC_TOKEN_KEYS, or GRPC_TLS_CA, "
                "GRPC_TLS_CERTIFICATE and GRPC_TLS_KEY, in production"
            )

ACCESS_LOG = env.bool("ACCESS_LOG", True)
if not env.str("LOG_FORMAT", ""):
    LOGGING["handlers"]["console"]["formatter"] = "json"

STATIC_ROOT = DATA_DIR / "static"  # filled by `manage.py collectstatic`
WHITENOISE_USE_FINDERS = False
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", True)
if not SECURE_SSL_REDIRECT:  # turned off explicitly: a proxy redirects
    SILENCED_SYSTEM_CHECKS.append("security.W008")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
ADMIN_TWO_FACTOR = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
