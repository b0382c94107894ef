"""What the feed is measured against: views that do nothing, in a process without middleware."""

from benchmarks.settings import *  # noqa: F403
from benchmarks.settings import INSTALLED_APPS

MIDDLEWARE = []
INSTALLED_APPS.remove("django.contrib.admin")  # it insists on middleware
ROOT_URLCONF = "benchmarks.limit_urls"
