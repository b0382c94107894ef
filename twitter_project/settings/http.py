"""HTTP: middleware, limits on requests, the API's framework and schema."""

from typing import Any

from environs import validate

from .environment import env

PORT: int = env.int("PORT", 8000, validate=validate.Range(0, 65535))  # of `manage.py serve`

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
ROOT_URLCONF = "twitter_project.urls"
WSGI_APPLICATION = "twitter_project.wsgi.application"
ASGI_APPLICATION = "twitter_project.asgi.application"
APPEND_SLASH = False

# For every request. Sessions, sign-in, static files and the like belong to routes, which name them
# by `route_middleware` (twitter_project/route_middleware.py).
MIDDLEWARE = [
    "twitter_project.headers.SecurityHeaders",
    "twitter_project.middleware.Probes",
    "twitter_project.request_telemetry.RequestTelemetry",
    "django.middleware.security.SecurityMiddleware",
    "twitter_project.request_limits.RequestLimits",
    "twitter_project.middleware.HostAndLength",
    "twitter_project.route_middleware.RouteMiddleware",
]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # serves files from the apps, without collectstatic

# Rates of requests, enforced by common/http/throttling.py and, for guesses, accounts/attempts.py.
RATES: dict[str, str | None] = {
    scope: env.str(f"{scope.upper()}_RATE", rate)
    for scope, rate in {
        "address": "6000/min",  # all requests of one address
        # by user, or by address of anonymous clients, or by session where a refresh token
        # is sent
        "read": "600/min",
        "search": "120/min",
        "write": "120/min",
        "tweet": "60/min",
        "login": "120/min",
        "register": "60/min",
        # Wrong passwords: of an account from one address, of an account from all addresses that it
        # doesn't know, of an account by clients that are signed in to it, and of one address for
        # all accounts. A bucket gives twice its rate in its first hour, so an account is open to
        # at most 100 guesses an hour.
        "guess": "20/hour",
        "guess_account": "20/hour",
        "guess_signed_in": "10/hour",
        "guess_address": "100/hour",
    }.items()
}
if not env.bool("RATE_LIMITS", True):  # for load tests
    RATES = dict.fromkeys(RATES)

NUM_PROXIES: int = env.int("NUM_PROXIES", 0, validate=validate.Range(0))
# Where proxies write the client's address and scheme: in X-Forwarded-For and X-Forwarded-Proto, or
# in Forwarded (RFC 7239). WSGI can't distinguish X_Forwarded_For from X-Forwarded-For; Forwarded
# has no such double.
PROXY_HEADERS: str = env.str(
    "PROXY_HEADERS", "x-forwarded", validate=validate.OneOf(["x-forwarded", "forwarded"])
)

MAX_BODY_BYTES = 64 * 1024
MAX_QUERY_BYTES = 10_000  # a search for 500 characters takes up to 6,000, a cursor some hundreds
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024  # the admin's forms

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
