"""For the limit of the feed rows: views that do nothing, without middleware."""

from benchmarks.settings import *  # noqa: F403

MIDDLEWARE = []
ROOT_URLCONF = "benchmarks.limit_urls"
