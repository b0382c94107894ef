from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from messaging.models import OutboxEvent
from messaging.outbox import KEPT
from tests.support.audit import Audit, Scenario, differences
from twitter_project.auditing import outbox


def test_an_unsent_event_is_found_and_sent(scenario: Scenario, audit: Audit) -> None:
    event = OutboxEvent.objects.order_by("-id")[0]
    OutboxEvent.objects.filter(id=event.id).update(published_at=None)

    found = audit(only=["outbox"])

    since = f"{event.created_at:%Y-%m-%d %H:%M:%S}"
    assert found == [f"outbox: {event.routing_key} {event.id} is not sent since {since} UTC"]
    scenario.expect_no_differences()


@pytest.mark.parametrize(
    ("routing_key", "row"),
    [("tweet.created", "tweet"), ("tweet.reposted", "repost"), ("user.followed", "follow")],
)
def test_a_lost_event_is_found_and_published_again(
    scenario: Scenario, audit: Audit, routing_key: str, row: str
) -> None:
    OutboxEvent.objects.filter(routing_key=routing_key).order_by("-id")[0].delete()
    counted = counters()

    [found] = audit(only=["outbox"])

    assert found.startswith(f"outbox: {row} ")
    assert found.endswith(f" was not published: no {routing_key} in the outbox")
    scenario.expect_no_differences()
    assert counters() == counted


def counters() -> list[tuple[Any, ...]]:
    return list(User.objects.order_by("id").values_list("num_tweets", "num_followers"))


def test_publishing_a_lost_event_repairs_what_no_worker_handled(
    scenario: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    tweet = scenario.alice.post("whose event is lost before it is sent")
    OutboxEvent.objects.filter(published_at=None).delete()

    with pytest.raises(CommandError, match="4 differences"):
        call_command("audit", wait=0)
    assert differences(capsys) == [
        f"outbox: tweet {tweet} was not published: no tweet.created in the outbox",
        f"counters: user {scenario.alice.id} num_tweets is 3, counted 4",
        f"timelines: {scenario.timeline} lacks {tweet}",
        f"search: document {tweet} is missing",
    ]

    call_command("audit", wait=0, repair=True, only=["outbox"])

    scenario.expect_no_differences()  # the workers have repaired the rest
    assert User.objects.get(id=scenario.alice.id).num_tweets == 4


def test_rows_older_than_the_outbox_need_no_event(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relay prunes old events."""
    OutboxEvent.objects.all().delete()
    long_ago = timezone.now() - KEPT
    monkeypatch.setattr(outbox, "MAX_AGE", timezone.now() - long_ago - KEPT)

    call_command("audit", wait=0, only=["outbox"])
