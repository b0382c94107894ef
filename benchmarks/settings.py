"""The tests' settings with databases of the benchmarks' own."""

import os

for _name, _url in {
    "DATABASE_URL": "postgres://test:test@127.0.0.1:5433/test_bench",
    "REDIS_URL": "redis://127.0.0.1:6380/8",
    "RABBITMQ_URL": "amqp://test:test@127.0.0.1:5673/bench",
    "LOG_LEVEL": "WARNING",
    "MONITOR_LISTEN": "",
}.items():
    os.environ.setdefault(_name, _url)  # noqa: TID251 settings read the environment

from twitter_project.settings.test import *  # noqa: E402, F403
