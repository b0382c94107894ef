from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command

from deploy.local.conditions import wait_until
from messaging.broker import Message, broker, dead_queue
from messaging.relay import relay_all
from messaging.worker import workers
from tests.support.audit import Audit, Scenario


def test_a_dead_letter_is_found_and_returned_to_its_queue(scenario: Scenario, audit: Audit) -> None:
    worker = workers()["search"]
    scenario.alice.post("whose event a worker of another version refuses")
    relay_all(broker())
    broker().run_once(replace(worker, handlers={}))
    scenario.drain()
    wait_until(lambda: broker().depth(dead_queue(worker.queue)))

    assert audit(only=["dead letters"]) == [
        "dead letters: search_tweets.dead holds dead letters: 1"
    ]

    scenario.expect_no_differences()


def test_an_unreadable_message_stays_a_dead_letter(scenario: Scenario) -> None:
    worker = workers()["search"]
    unreadable = Message(message_id="m1", routing_key="tweet.deleted", body=b"{}", timestamp=0)
    broker().publish([unreadable])
    scenario.drain()
    wait_until(lambda: broker().depth(dead_queue(worker.queue)))

    call_command("audit", wait=0, repair=True, only=["dead letters"])
    scenario.drain()
    wait_until(lambda: broker().depth(dead_queue(worker.queue)))

    with pytest.raises(CommandError, match="3 differences: run again with --repair"):
        call_command("audit", wait=0, only=["dead letters"])
