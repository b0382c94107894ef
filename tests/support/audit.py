"""Helpers for tests of `manage.py audit`."""

from collections.abc import Callable

import pytest
from django.core.management import call_command

from feed import lists
from tests.support.timelines import Person


class Scenario:
    """Bob follows alice, who has three tweets. He has liked and reposted carol's tweet."""

    def __init__(self, alice: Person, bob: Person, carol: Person, drain: Callable[[], None]):
        self.alice, self.bob, self.carol, self.drain = alice, bob, carol, drain
        bob.follow(alice)
        bob.feed()
        self.tweets = [alice.post(f"number {n}") for n in range(3)]
        self.reposted = carol.post("another one")
        bob.like(self.reposted)
        bob.repost(self.reposted)
        drain()
        bob.feed()
        bob.feed()  # the second read caches the originals of reposts

    @property
    def timeline(self) -> str:
        return lists.key(self.bob.id)

    def expect_no_differences(self) -> None:
        self.drain()
        call_command("audit", wait=0)


# Runs the audit with these options, expects differences and returns their lines. Then repairs them
# and expects that none remain.
Audit = Callable[..., list[str]]


def differences(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that the last audits printed for differences."""
    lines: list[str] = capsys.readouterr().out.splitlines()
    return [line for line in lines[:-1] if not line.endswith(" checked")]
