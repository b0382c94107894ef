"""Accounts, passwords, tokens, the admin's sessions."""

from datetime import timedelta
from typing import Any

from .environment import env

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [{"NAME": "accounts.passwords.LengthValidator"}]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",  # 12 rounds
]
MAX_FOLLOWING: int = env.int("MAX_FOLLOWING", 7500)  # lowering it removes no follows

# The largest difference between a machine's clock and a server's that `doctor` accepts. Two
# machines may then differ by twice as much.
CLOCK_SKEW_SECONDS = 1.0
SIMPLE_JWT: dict[str, Any] = {
    "ALGORITHM": "EdDSA",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "LEEWAY": timedelta(seconds=2 * CLOCK_SKEW_SECONDS),
    "UPDATE_LAST_LOGIN": False,
}

ADMIN_PATH: str = env.str("ADMIN_PATH", "admin").strip("/") + "/"
ADMIN_TWO_FACTOR = False  # True: all staff need a code; False: those who have a device
OTP_TOTP_ISSUER = "microblog admin"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
CSRF_FAILURE_VIEW = "common.http.exceptions.forbidden"
# twitter_project.headers sends these, the first over HTTPS alone.
SECURE_CROSS_ORIGIN_OPENER_POLICY = SECURE_REFERRER_POLICY = None

SILENCED_SYSTEM_CHECKS = [
    "auth.E003",  # usernames are unique by a constraint on their lower case
    *("admin.E408", "admin.E409", "admin.E410"),  # its middleware is in twitter_project/urls.py
    *("security.W002", "security.W022"),  # twitter_project.headers denies frames and referrers
    "security.W003",  # the admin's views check CSRF by a decorator
]
