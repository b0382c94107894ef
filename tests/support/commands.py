"""Runs Python in a child process with a known environment."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[2]

# Without these a process uses embedded parts, whatever the tests use.
_UNSET = [
    "DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL", "FEED_REDIS_URLS", "RABBITMQ_URL",
    "ELASTICSEARCH_URL", "USERS_GRPC", "TWEETS_GRPC", "SERVICES",
]  # fmt: skip


def run(
    *command: str, environment: Mapping[str, str] = MappingProxyType({}), stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Runs Python with these arguments."""
    unset = [word for name in _UNSET for word in ("-u", name)]
    settings = [f"{name}={value}" for name, value in environment.items()]
    return subprocess.run(
        ["env", *unset, *settings, sys.executable, *command],
        cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


# Runs the management commands of a JSON list in one process and prints how each ended.
_RUN_EACH = """
import json, sys
import manage
for command in json.load(sys.stdin):
    name, *options = command.split()
    try:
        manage.main(["manage.py", name, "--traceback", *options])
        print(json.dumps("it succeeded"))
    except SystemExit as error:
        print(json.dumps(error.code))
    except Exception as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
"""


def run_each(
    commands: Sequence[str], *, environment: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Runs management commands one after the other. Prints the end of each as JSON, one a line."""
    return run("-c", _RUN_EACH, environment=environment, stdin=json.dumps(commands))
