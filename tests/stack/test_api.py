"""Runs the API's tests over the network. They take minutes, so only with `--api`.

The stack runs without relay and workers: the tests do their work in `drain`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.stack import lifecycle
from tests.stack.conftest import TOPOLOGIES, running
from tests.support.commands import ROOT

NAME, REDIS_DB = "stack_api_test", 10
STACK = [sys.executable, "-m", "deploy.stack", "--name", NAME, "--redis-db", str(REDIS_DB)]
PORTS = PORT, _ = 18300, 15151
SUITE = [f"tests/unit/{service}" for service in ("accounts", "tweets", "feed", "search")]


@pytest.mark.api
@pytest.mark.e2e
def test_the_api_answers_the_same_over_the_network(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    asked = request.config.getoption("--topology")
    topology = asked if asked in TOPOLOGIES else TOPOLOGIES[-1]
    folder = ROOT / ".services" / NAME

    with running(STACK, topology, tmp_path / "log", "--no-demo", "--no-workers", ports=PORTS):
        shutil.copy(
            folder / "keys.json", folder / "test_keys.json"
        )  # the tests sign tokens with the same key
        environment = lifecycle.Stack(NAME, REDIS_DB).read_environment()
        del environment["DJANGO_SETTINGS_MODULE"]
        answer = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "--ds", "settings.test", "-q", "--tb=short"),
                *("-p", "no:cacheprovider", "-p", "tests.stack.over_network"),
                *("--address", f"http://127.0.0.1:{PORT}", *SUITE),
            ],
            cwd=ROOT, env={**os.environ, **environment},  # noqa: TID251 the child inherits it
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    print(answer.stdout)  # noqa: T201
    assert answer.returncode == 0, answer.stderr
