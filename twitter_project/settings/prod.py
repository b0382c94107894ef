"""Production: real parts and real secrets, all from the environment, or no start."""

from .base import *

for _name in ("DATABASE_URL", "REDIS_URL", "RABBITMQ_URL", "ELASTICSEARCH_URL"):
    env.str(_name)

SECRET_KEY = env.str("SECRET_KEY")
SIMPLE_JWT["SIGNING_KEY"] = env.str("JWT_SIGNING_KEY") if "accounts" in SERVICES else ""
SIMPLE_JWT["VERIFYING_KEY"] = env.str("JWT_VERIFYING_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")

STATIC_ROOT = DATA_DIR / "static"  # filled by `manage.py collectstatic`
WHITENOISE_USE_FINDERS = False
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
