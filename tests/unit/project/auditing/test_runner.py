from typing import Any

import pytest
from django.core.management import CommandError, call_command

from messaging.worker import workers
from tests.support.audit import Scenario, differences
from twitter_project.auditing import runner

# The parts that differ until the workers have handled a new tweet.
DERIVED = ["counters", "timelines", "search", "cache"]


def test_a_system_without_damage_has_no_differences(
    scenario: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario.alice.delete(scenario.tweets[0])
    scenario.bob.unfollow(scenario.alice)
    scenario.bob.follow(scenario.carol)
    scenario.drain()

    call_command("audit", wait=0)

    assert capsys.readouterr().out.splitlines() == [
        # two tweets of alice's, one of carol's, bob's repost and his follow
        "outbox: 5 rows checked",
        f"dead letters: {len(workers())} queues checked",
        "deletions: 3 users checked",
        "counters: 3 pages checked",
        "timelines: 1 timelines checked",
        "pulling: 0 authors checked",
        "search: 6 documents checked",
        "cache: 8 fragments checked",
        "no differences",
    ]


def test_events_in_progress_make_the_result_uncertain(
    scenario: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario.alice.post("not handled yet")

    with pytest.raises(CommandError, match="the result is uncertain") as raised:
        call_command("audit", wait=0, repair=True, only=DERIVED)

    assert raised.value.returncode == 2
    assert "3 more differences may be events in progress" in capsys.readouterr().err
    scenario.expect_no_differences()


def test_a_difference_that_is_gone_at_the_recheck_is_no_difference(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario.alice.post("not handled yet")

    def wait(*_: Any) -> bool:
        scenario.drain()
        return True

    monkeypatch.setattr(runner, "wait_until_drained", wait)

    call_command("audit", wait=0, only=DERIVED)

    assert differences(capsys) == []
