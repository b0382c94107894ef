"""The command that an operator uses after something went wrong."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from common.errors import Unavailable
from deploy.local.conditions import wait_until
from messaging.broker import Message, broker, dead_queue
from messaging.worker import workers

JUNK = Message(message_id="m1", routing_key="tweet.deleted", body=b'{"id": "x"}', timestamp=0)


@pytest.fixture
def dead_letter(empty_queues) -> None:
    """One in the queue of each worker that hears of deletions."""
    broker().publish([JUNK])
    hearing = [w for w in workers().values() if JUNK.routing_key in w.handlers]
    for worker in hearing:
        broker().run_once(worker)
    wait_until(lambda: all(broker().depth(dead_queue(w.queue)) for w in hearing))


def test_it_lists_how_many_each_queue_has(dead_letter, capsys):
    call_command("dead_letters", "list")
    assert set(capsys.readouterr().out.splitlines()) == {
        "feed_slices\t0",
        "general_tweets\t1",
        "search_slices\t0",
        "search_tweets\t1",
        "tweet_counters\t1",
    }


def test_it_shows_them(dead_letter, capsys):
    call_command("dead_letters", "show", "general_tweets")
    why = "id is not an id: 'x'"
    assert capsys.readouterr().out == f'm1\ttweet.deleted\t{why}\t{{"id": "x"}}\n'


def test_what_a_dead_letter_holds_does_not_reach_the_terminal_raw(empty_queues, capsys):
    body = b"\x1b[2J\n" + b"a" * 10_000 + b"\xff"
    broker().publish(
        [Message(message_id="m\n2", routing_key="user.deleted", body=body, timestamp=0)]
    )
    worker = next(w for w in workers().values() if w.queue == "tweet_counters")
    broker().run_once(worker)
    wait_until(lambda: broker().depth(dead_queue(worker.queue)))
    call_command("dead_letters", "show", "tweet_counters")
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(r"m\n2")
    assert r"no JSON" in line
    assert r"\x1b[2J\naaa" in line
    assert line.endswith("aaa… (10006 bytes)")


def test_it_sends_them_back(dead_letter, capsys):
    call_command("dead_letters", "send-back", "general_tweets")
    assert capsys.readouterr().out == "1 sent back to general_tweets\n"
    assert broker().depth("general_tweets") == 1
    assert broker().depth(dead_queue("general_tweets")) == 0


def test_a_queue_that_nobody_declared_is_refused():
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("dead_letters", "show", "nothing")


def test_a_broker_that_is_down_is_said_in_one_line(monkeypatch):
    class Down:
        def depth(self, queue: str) -> int:
            raise Unavailable("RabbitMQ: connection refused")

    monkeypatch.setattr("messaging.management.commands.dead_letters.broker", Down)
    with pytest.raises(CommandError, match="is RabbitMQ running"):
        call_command("dead_letters", "list")
