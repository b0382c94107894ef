"""Settings that every environment shares, one file for each noun.

Every real part has a URL in the environment; a part whose URL is unset is embedded. No code outside
this folder knows which it is.
"""

from pathlib import Path

from .databases import *
from .environment import *
from .grpc import *
from .http import *
from .messaging import *
from .observability import *
from .redis import *
from .search import *
from .security import *

DEBUG = False
IS_PRODUCTION = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

INSTALLED_APPS = [
    "twitter_project",  # before staticfiles, whose runserver it replaces
    "twitter_project.apps.AdminConfig",  # urls.py discovers the admin's modules
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
if ELASTICSEARCH_URL and "search" in SERVICES:  # its import takes as long as Django's
    INSTALLED_APPS.append("django_elasticsearch_dsl")

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
STATIC_ROOT: Path | None = None

# Functions that make this process's embedded parts. They run before any other thread starts: two
# threads that both used a part first would make two of it. Redis is made by its import.
EMBEDDED_PARTS: list[str] = []
if EMBEDDED_DATABASE:
    EMBEDDED_PARTS.append("messaging.wakeup.backend")
if not RABBITMQ_URL:
    EMBEDDED_PARTS.append("messaging.broker.broker")
if not ELASTICSEARCH_URL and "search" in SERVICES:
    EMBEDDED_PARTS.append("search.index.index")
