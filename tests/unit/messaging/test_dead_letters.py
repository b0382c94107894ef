"""`manage.py dead_letters`."""

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
    """One dead letter of each worker that handles deletions."""
    broker().publish([JUNK])
    handling = [w for w in workers().values() if JUNK.routing_key in w.handlers]
    for worker in handling:
        broker().run_once(worker)
    wait_until(lambda: all(broker().depth(dead_queue(w.queue)) for w in handling))


def test_list_shows_the_number_of_each_queue(dead_letter, capsys):
    call_command("dead_letters", "list")
    assert set(capsys.readouterr().out.splitlines()) == {
        "feed_slices\t0",
        "general_tweets\t1",
        "search_slices\t0",
        "search_tweets\t1",
        "tweet_counters\t1",
    }


def test_show_prints_one_line_per_dead_letter(dead_letter, capsys):
    call_command("dead_letters", "show", "general_tweets")
    why = "id is not an id: 'x'"
    assert capsys.readouterr().out == f'm1\ttweet.deleted\t{why}\t{{"id": "x"}}\n'


def test_show_escapes_control_characters(empty_queues, capsys):
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
    assert r"not JSON" in line
    assert r"\x1b[2J\naaa" in line
    assert line.endswith("aaa… (10006 bytes)")


def test_send_back_moves_them_to_their_queue(dead_letter, capsys):
    call_command("dead_letters", "send-back", "general_tweets")
    assert capsys.readouterr().out == "1 sent back to general_tweets\n"
    assert broker().depth("general_tweets") == 1
    assert broker().depth(dead_queue("general_tweets")) == 0


def test_an_undeclared_queue_is_refused():
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("dead_letters", "show", "nothing")


def test_a_broker_that_is_down_gives_a_one_line_error(monkeypatch):
    class Down:
        def depth(self, queue: str) -> int:
            raise Unavailable("RabbitMQ: connection refused")

    monkeypatch.setattr("messaging.management.commands.dead_letters.broker", Down)
    with pytest.raises(CommandError, match="check that RabbitMQ is running"):
        call_command("dead_letters", "list")
