"""The README's commands, output, links and table, checked against the system."""

import re

import pytest
from django.conf import settings
from django.test import Client

from tests.support.readme_session import README, answer, run_session
from tests.support.serving import Server


@pytest.mark.slow
def test_the_session_works_as_printed(served: Server) -> None:
    run_session(served.address)


@pytest.mark.slow
def test_the_curl_line_that_the_server_prints_works(served: Server) -> None:
    line = served.process.find_in_log(r"\n  (curl .+)\n")

    assert line is not None
    assert answer(line)["user"]["username"] == "alice"


@pytest.mark.slow
def test_the_readme_shows_what_the_server_prints(served: Server) -> None:
    shown = re.search(r"```\n(Serving on .*?)```", README, re.DOTALL)

    assert shown is not None
    printed = served.process.find_in_log(r"(?s)(Serving on .*?curl [^\n]+\n)")
    assert printed == shown[1].replace("http://127.0.0.1:8000", served.address)


def test_the_table_names_every_call_of_the_schema() -> None:
    table = README[README.index("## The API") :]
    named = set(re.findall(r"/[a-z]+", table))

    paths = Client().get("/schema").json()["paths"]
    words = {f"/{word}" for path in paths for word in re.findall(r"/([a-z]+)", path)}
    assert words <= named


def test_every_linked_file_exists() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (settings.BASE_DIR / target).exists(), target


def test_every_make_target_exists() -> None:
    makefile = (settings.BASE_DIR / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))

    assert set(re.findall(r"make ([a-z-]+)", README)) <= targets
