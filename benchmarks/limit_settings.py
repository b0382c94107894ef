"""What the feed is measured against: views that do nothing, in a process without middleware."""

from benchmarks.settings import *  # noqa: F403

MIDDLEWARE = []
ROOT_URLCONF = "benchmarks.limit_urls"
