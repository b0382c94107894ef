"""The README's claims that a machine can hold it to."""

import json
import re
import subprocess
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from tests.boundaries.serving import Server
from tests.support import wait_until

README = (settings.BASE_DIR / "README.md").read_text()


@pytest.mark.slow
def test_the_session_works_as_printed(served: Server) -> None:
    session = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert len(session) == 5
    enter, post, follow, feed, search = (
        block.replace("http://127.0.0.1:8000", served.address) for block in session
    )

    entered = run(f"{enter}\ndeclare -p TOKEN >&2")
    token = entered.stderr.strip()
    assert json.loads(entered.stdout)["user"]["username"] == "dora"

    assert answer(f"{token}\n{post}")["message"] == "tweet created"
    assert answer(f"{token}\n{follow}")["follow"]["id"]

    def read_feed() -> list[str]:
        return [tweet["author"]["username"] for tweet in answer(f"{token}\n{feed}")["tweets"]]

    wait_until(lambda: read_feed() == ["dora", "alice", "alice", "alice", "alice"])
    wait_until(lambda: "Baked" in str(answer(f"{token}\n{search}")["results"]))


@pytest.mark.slow
def test_the_line_that_the_server_prints_works_as_printed(served: Server) -> None:
    line = served.process.find_in_log(r"\n  (curl .+)\n")

    assert line is not None
    assert answer(line)["user"]["username"] == "alice"


@pytest.mark.slow
def test_what_the_server_says_is_what_the_readme_shows(served: Server) -> None:
    shown = re.search(r"```\n(Serving on .*?)```", README, re.DOTALL)

    assert shown is not None
    said = served.process.find_in_log(r"(?s)(Serving on .*?curl [^\n]+\n)")
    assert said == shown[1].replace("http://127.0.0.1:8000", served.address)


def test_its_table_names_every_call_of_the_schema() -> None:
    table = README[README.index("## The API") :]
    named = set(re.findall(r"/[a-z]+", table))

    paths = Client().get("/schema").json()["paths"]
    words = {f"/{word}" for path in paths for word in re.findall(r"/([a-z]+)", path)}
    assert words <= named


def test_every_file_it_links_to_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (settings.BASE_DIR / target).exists(), target


def test_it_names_only_targets_of_the_makefile() -> None:
    makefile = (settings.BASE_DIR / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets


def run(script: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def answer(script: str) -> Any:
    """The JSON that the script's one curl without a pipe prints."""
    return json.loads(run(script).stdout)
