"""Tests on the real servers of `make services`."""

import os
from pathlib import Path

for _name, _url in {
    "DATABASE_URL": "postgres://test:test@127.0.0.1:5433/test_db",
    "REDIS_URL": "redis://127.0.0.1:6380/0",
    "RABBITMQ_URL": "amqp://test:test@127.0.0.1:5673/%2F",
    "ELASTICSEARCH_URL": "http://127.0.0.1:9201",
    "MONITOR_LISTEN": "127.0.0.1:0",
}.items():
    os.environ.setdefault(_name, _url)

from django.core.exceptions import ImproperlyConfigured  # noqa: E402

from .base import *  # noqa: E402
from .local_keys import keys  # noqa: E402

_keys = keys(DATA_DIR / "test_keys.json")
SECRET_KEY = _keys["secret_key"]
SIMPLE_JWT["SIGNING_KEY"] = _keys["signing_key"]
SIMPLE_JWT["VERIFYING_KEY"] = _keys["verifying_key"]

for _database in DATABASES.values():
    if "test" not in Path(str(_database["NAME"])).name:
        raise ImproperlyConfigured(
            f"{_database['NAME']!r} is not a test database: its name must contain 'test'"
        )
    # The tests and the processes that they start use this database itself.
    _database["TEST"] = {"NAME": _database["NAME"]}

PASSWORD_HASHERS = ["accounts.hashers.FewRoundsBCrypt"]
if not env.bool("RATE_LIMITS", False):  # tests of rates set their own
    RATES = dict.fromkeys(RATES)

# Finds static files at each request; else every test client would list them all first.
WHITENOISE_AUTOREFRESH = True
