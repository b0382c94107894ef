"""Schemathesis sends generated requests and checks the answers against the schema.

`make fuzz` sends more of them: `EXAMPLES=200` for each call.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.commands import ROOT
from tests.support.serving import Server, start

ALICE = {"email": "alice@example.com", "password": "password"}


@pytest.fixture(scope="module")
def unlimited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the demo data and without rate limits."""
    server = start("serve", tmp_path_factory.mktemp("contract"), RATE_LIMITS="false")
    try:
        server.wait_until_it_answers()
        yield server
    finally:
        server.process.terminate()
        assert server.process.wait() == 0


@pytest.mark.slow
@pytest.mark.parametrize("who", ["anonymous", "signed in"])
def test_every_answer_is_as_described(
    unlimited: Server, who: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    option = request.config.getoption
    options = [f"--max-examples={option('--examples')}", f"--seed={option('--fuzz-seed')}"]
    if who == "signed in":
        session = httpx.post(f"{unlimited.address}/users/login", json=ALICE, timeout=30).json()
        options += ["--header", f"Authorization: Bearer {session['token']}"]

    # One worker: generating examples is not thread-safe on Python 3.11.
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli"),
            *("--config-file", str(ROOT / "tests/schemathesis.toml")),
            *("run", f"{unlimited.address}/schema", "--checks", "all"),
            *("--continue-on-failure", "--no-color", "--output-sanitize", "false", *options),
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    print(answer.stdout)  # noqa: T201 for `make fuzz`
    assert answer.returncode == 0, answer.stderr
