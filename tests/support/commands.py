"""Processes in an environment of their own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[2]

# Whatever the tests run on, a process starts on embedded parts unless told otherwise.
_UNSET = [
    "DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL", "FEED_REDIS_URLS", "RABBITMQ_URL",
    "ELASTICSEARCH_URL", "USERS_GRPC", "TWEETS_GRPC", "SERVICES",
]  # fmt: skip


def run(
    *command: str, environment: Mapping[str, str] = MappingProxyType({}), stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Python with these arguments."""
    unset = [word for name in _UNSET for word in ("-u", name)]
    settings = [f"{name}={value}" for name, value in environment.items()]
    return subprocess.run(
        ["env", *unset, *settings, sys.executable, *command],
        cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
