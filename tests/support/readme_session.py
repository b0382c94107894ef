"""Runs the README's session with curl, line by line."""

import json
import re
import subprocess
from typing import Any

from django.conf import settings

from deploy.local.conditions import wait_until

README = (settings.BASE_DIR / "README.md").read_text()


def run_session(address: str) -> None:
    """Sends the README's commands to the server at `address`, which has the demo data."""
    session = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert len(session) == 5
    register, post, follow, feed, search = (
        block.replace("http://127.0.0.1:8000", address) for block in session
    )

    registered = run(f"{register}\ndeclare -p TOKEN >&2")
    token = registered.stderr.strip()
    assert json.loads(registered.stdout)["user"]["username"] == "dora"

    assert answer(f"{token}\n{post}")["message"] == "tweet created"
    assert answer(f"{token}\n{follow}")["follow"]["id"]

    def read_feed() -> list[str]:
        return [tweet["author"]["username"] for tweet in answer(f"{token}\n{feed}")["tweets"]]

    wait_until(lambda: read_feed() == ["dora", "alice", "alice", "alice", "alice"], seconds=30)
    wait_until(lambda: "Baked" in str(answer(f"{token}\n{search}")["results"]), seconds=30)


def answer(script: str) -> Any:
    """The JSON that the script prints."""
    return json.loads(run(script).stdout)


def run(script: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done
