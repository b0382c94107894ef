from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from accounts.services import suspend
from common.ids import new_id
from common.redis.client import redis_client
from feed import handlers, lists, pulling
from messaging.broker import broker
from messaging.models import OutboxEvent
from messaging.relay import relay_all
from tests.support.audit import Audit, Scenario


def test_a_missing_entry_is_found_and_repaired(scenario: Scenario, audit: Audit) -> None:
    redis_client().lrem(scenario.timeline, 0, str(scenario.tweets[1]))

    assert audit() == [f"timelines: {scenario.timeline} lacks {scenario.tweets[1]}"]

    assert scenario.tweets[1] in scenario.bob.feed_ids()
    scenario.expect_no_differences()


def test_a_surplus_entry_is_found_and_repaired(scenario: Scenario, audit: Audit) -> None:
    redis_client().lpush(scenario.timeline, scenario.reposted)

    assert audit() == [f"timelines: {scenario.timeline} has a surplus entry: {scenario.reposted}"]

    scenario.expect_no_differences()


def test_an_entry_out_of_order_is_found_and_repaired(
    scenario: Scenario, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feed.differences.OUT_OF_ORDER", timedelta(0))
    redis = redis_client()
    redis.lrem(scenario.timeline, 0, str(scenario.tweets[0]))
    redis.lpush(scenario.timeline, scenario.tweets[0])

    assert audit() == [f"timelines: {scenario.timeline} has out of order: {scenario.tweets[0]}"]

    scenario.expect_no_differences()


def test_a_missing_entry_in_a_pulled_authors_list_is_found_and_repaired(
    scenario: Scenario, audit: Audit, settings: Any
) -> None:
    settings.FEED_PULL_FOLLOWERS = 0
    tweet = scenario.alice.post("pulled, not pushed")
    scenario.drain()
    assert tweet in scenario.bob.feed_ids()
    scenario.expect_no_differences()
    authored = lists.key(scenario.alice.id, lists.authored("default"))
    redis_client().lrem(authored, 0, str(tweet))

    assert audit() == [f"timelines: {authored} lacks {tweet}"]

    assert tweet in scenario.bob.feed_ids()
    scenario.expect_no_differences()


def test_a_lost_pull_ended_event_is_found_and_repaired(
    scenario: Scenario, audit: Audit, settings: Any
) -> None:
    settings.FEED_PULL_FOLLOWERS = 0
    pulled = scenario.alice.post("pulled, not pushed")
    scenario.drain()
    settings.FEED_PULL_FOLLOWERS = 100
    scenario.alice.post("pushed again")
    relay_all(broker())
    broker().run_once(handlers.WORKER)
    call_command("audit", wait=0, only=["pulling"])  # an event is in progress
    OutboxEvent.objects.filter(routing_key="feed.pull_ended").delete()
    scenario.drain()

    assert audit() == [
        f"pulling: author {scenario.alice.id} changes from pulled to pushed, "
        "but no event is in progress"
    ]

    scenario.expect_no_differences()
    assert pulling.authors() == []
    assert b"%d" % pulled in redis_client().lrange(scenario.timeline, 0, -1)


def test_entries_that_readers_never_see_are_no_differences(scenario: Scenario) -> None:
    redis = redis_client()
    redis.lpush(scenario.timeline, new_id())  # the id of no tweet
    redis.lpush(scenario.timeline, "something else")
    suspend(user_id=scenario.alice.id)
    scenario.drain()
    # A suspended author's tweets stay in existing lists and are left out of new ones.
    assert {b"%d" % id for id in scenario.tweets} <= set(redis.lrange(scenario.timeline, 0, -1))

    call_command("audit", wait=0)


def test_an_audit_does_not_extend_a_timelines_expiry(scenario: Scenario) -> None:
    redis_client().expire(scenario.timeline, 1000)

    call_command("audit", wait=0)

    assert redis_client().ttl(scenario.timeline) <= 1000
