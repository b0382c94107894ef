"""Tests on embedded parts: one process and no servers."""

import os
import tempfile

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="twitter-test-")
os.environ["DATABASE_URL"] = f"sqlite:///{os.environ['DATA_DIR']}/test.sqlite3"
for _name in ("REDIS_URL", "FEED_REDIS_URLS", "RABBITMQ_URL", "ELASTICSEARCH_URL"):
    os.environ[_name] = ""

from .test import *  # noqa: E402
