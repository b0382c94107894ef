"""`manage.py audit`: each kind of damage is found, alone, and mended."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from accounts.services import suspend
from common.ids import new_id
from common.redis.client import redis_client
from deploy.local.conditions import wait_until
from feed import handlers, lists, pulling
from messaging import draining, outbox
from messaging.broker import Message, broker, dead_queue
from messaging.models import OutboxEvent
from messaging.relay import relay_all
from messaging.worker import workers
from search.index import Document, Tombstone, index
from tests.support.timelines import Person
from tweets.models import Like, Tweet
from twitter_project.auditing import outbox as outbox_audit
from twitter_project.auditing import rounds


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else is at work: nothing is ever in hand."""
    monkeypatch.setattr(draining, "_IN_HAND_SECONDS", 0.0)


@pytest.fixture(scope="module", autouse=True)
def _clear_index() -> Iterator[None]:
    yield
    index().clear()


class World:
    """Bob follows alice, who has written three tweets; bob likes and reposts one of carol's."""

    def __init__(self, alice: Person, bob: Person, carol: Person, drain: Callable[[], None]):
        self.alice, self.bob, self.carol, self.drain = alice, bob, carol, drain
        bob.follow(alice)
        bob.feed()
        self.tweets = [alice.post(f"number {n}") for n in range(3)]
        self.other = carol.post("another one")
        bob.like(self.other)
        bob.repost(self.other)
        drain()
        bob.feed()
        bob.feed()  # the originals of reposts are cached at the second time

    @property
    def timeline(self) -> str:
        return lists.key(self.bob.id)


@pytest.fixture
def world(alice: User, bob: User, carol: User, drain: Callable[[], None]) -> World:
    index().clear()
    return World(Person(alice), Person(bob), Person(carol), drain)


@pytest.fixture
def audit(capsys: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """The differences that it prints; each must then be mended, and nothing be left."""

    def audit(**options: Any) -> list[str]:
        capsys.readouterr()
        with pytest.raises(CommandError, match=r"differences: --repair mends them") as raised:
            call_command("audit", wait=0, **options)
        assert raised.value.returncode == 1
        found = differences(capsys)
        call_command("audit", wait=0, repair=True, **options)
        assert differences(capsys) == found
        return found

    return audit


def differences(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines[:-1] if not line.endswith("looked at")]


def expect_clean(world: World) -> None:
    world.drain()
    call_command("audit", wait=0)


def test_a_system_that_is_well_differs_in_nothing(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.alice.delete(world.tweets[0])
    world.bob.unfollow(world.alice)
    world.bob.follow(world.carol)
    world.drain()

    call_command("audit", wait=0)

    assert capsys.readouterr().out.splitlines() == [
        # two tweets of alice's, one of carol's, bob's repost and his follow
        "outbox: 5 rows looked at",
        f"dead letters: {len(workers())} queues looked at",
        "deletions: 3 users looked at",
        "counters: 3 pages looked at",
        "timelines: 1 timelines looked at",
        "pulling: 0 authors looked at",
        "search: 6 documents looked at",
        "cache: 8 fragments looked at",
        "nothing differs",
    ]


def test_an_entry_missing_in_a_timeline(world: World, audit: Callable[..., list[str]]) -> None:
    redis_client().lrem(world.timeline, 0, str(world.tweets[1]))

    assert audit() == [f"timelines: {world.timeline} lacks {world.tweets[1]}"]

    assert world.tweets[1] in world.bob.feed_ids()
    expect_clean(world)


def test_an_entry_too_many_in_a_timeline(world: World, audit: Callable[..., list[str]]) -> None:
    redis_client().lpush(world.timeline, world.other)

    assert audit() == [f"timelines: {world.timeline} has too much: {world.other}"]

    expect_clean(world)


def test_an_entry_out_of_order_in_a_timeline(
    world: World, audit: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feed.differences.OUT_OF_ORDER", timedelta(0))
    redis = redis_client()
    redis.lrem(world.timeline, 0, str(world.tweets[0]))
    redis.lpush(world.timeline, world.tweets[0])

    assert audit() == [f"timelines: {world.timeline} has out of order: {world.tweets[0]}"]

    expect_clean(world)


def test_an_entry_missing_in_the_list_of_a_pulled_author(
    world: World, audit: Callable[..., list[str]], settings: Any
) -> None:
    settings.FEED_PULL_FOLLOWERS = 0
    tweet = world.alice.post("too many follow her for this to be pushed")
    world.drain()
    assert tweet in world.bob.feed_ids()
    expect_clean(world)
    authored = lists.key(world.alice.id, lists.authored("default"))
    redis_client().lrem(authored, 0, str(tweet))

    assert audit() == [f"timelines: {authored} lacks {tweet}"]

    assert tweet in world.bob.feed_ids()
    expect_clean(world)


def test_an_author_who_was_pulled_and_waits_in_vain_to_be_pushed_again(
    world: World, audit: Callable[..., list[str]], settings: Any
) -> None:
    settings.FEED_PULL_FOLLOWERS = 0
    pulled = world.alice.post("too many follow her for this to be pushed")
    world.drain()
    settings.FEED_PULL_FOLLOWERS = 100
    world.alice.post("now they don't")
    relay_all(broker())
    broker().run_once(handlers.WORKER)
    call_command("audit", wait=0, only=["pulling"])  # it was told of
    lose_news("feed.pull_ended")
    world.drain()

    assert audit() == [
        f"pulling: author {world.alice.id} waits to be pushed again, and nobody was told"
    ]

    expect_clean(world)
    assert pulling.authors() == []
    assert b"%d" % pulled in redis_client().lrange(world.timeline, 0, -1)


def lose_news(routing_key: str) -> None:
    OutboxEvent.objects.filter(routing_key=routing_key).delete()


def test_what_readers_do_not_see_in_a_timeline_is_no_damage(world: World) -> None:
    redis = redis_client()
    redis.lpush(world.timeline, new_id())  # never was, or is deleted
    redis.lpush(world.timeline, "something else")
    suspend(user_id=world.alice.id)
    world.drain()
    # who is suspended leaves the lists that are built from now on, and stays in the others
    assert {b"%d" % id for id in world.tweets} <= set(redis.lrange(world.timeline, 0, -1))

    call_command("audit", wait=0)


def test_an_audit_keeps_no_idle_timeline_alive(world: World) -> None:
    redis_client().expire(world.timeline, 1000)

    call_command("audit", wait=0)

    assert redis_client().ttl(world.timeline) <= 1000


def test_a_document_missing_in_the_index(world: World, audit: Callable[..., list[str]]) -> None:
    index().clear()

    assert audit(only=["search"]) == [
        f"search: document {id} is missing" for id in [*world.tweets, world.other]
    ]

    expect_clean(world)


def test_a_document_too_many_in_the_index(world: World, audit: Callable[..., list[str]]) -> None:
    id = new_id()
    index().write(
        [Document(id=id, user_id=world.alice.id, content="no", created_at=timezone.now())]
    )

    assert audit() == [f"search: document {id} stands for no tweet"]

    expect_clean(world)


def test_a_stale_document_in_the_index(world: World, audit: Callable[..., list[str]]) -> None:
    write_document(world, content="as it never was")

    assert audit() == [f"search: document {world.tweets[1]} is stale"]

    expect_clean(world)


def test_a_document_hidden_without_cause(world: World, audit: Callable[..., list[str]]) -> None:
    write_document(world, hidden=True)

    assert audit() == [f"search: document {world.tweets[1]} is hidden though its author is not"]

    expect_clean(world)


def test_a_document_shown_though_its_author_is_suspended(
    world: World, audit: Callable[..., list[str]]
) -> None:
    suspend(user_id=world.alice.id)
    world.drain()
    write_document(world, hidden=False)

    assert audit() == [f"search: document {world.tweets[1]} is shown though its author is not"]

    expect_clean(world)


def test_a_document_buried_though_the_tweet_exists(
    world: World, audit: Callable[..., list[str]]
) -> None:
    index().write([Tombstone(id=world.tweets[1], deleted_at=timezone.now())])

    assert audit() == [f"search: document {world.tweets[1]} is buried though the tweet exists"]

    expect_clean(world)


@pytest.mark.parametrize("counter", ["num_followers", "num_following", "num_tweets"])
def test_each_counter_of_a_user(
    world: World, audit: Callable[..., list[str]], counter: str
) -> None:
    User.objects.filter(id=world.carol.id).update(**{counter: 7})
    counted = 1 if counter == "num_tweets" else 0

    assert audit() == [f"counters: user {world.carol.id} {counter} is 7, counted {counted}"]

    expect_clean(world)


@pytest.mark.parametrize("counter", ["num_likes", "num_replies", "num_reposts"])
def test_each_counter_of_a_tweet(
    world: World, audit: Callable[..., list[str]], counter: str
) -> None:
    Tweet.objects.filter(id=world.tweets[0]).update(**{counter: 7})

    assert audit(only=["counters"]) == [
        f"counters: tweet {world.tweets[0]} {counter} is 7, counted 0"
    ]

    expect_clean(world)


def test_an_event_that_waits_in_the_outbox(
    world: World, audit: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    event = OutboxEvent.objects.order_by("-id")[0]
    OutboxEvent.objects.filter(id=event.id).update(published_at=None)

    found = audit(only=["outbox"])

    since = f"{event.created_at:%Y-%m-%d %H:%M:%S}"
    assert found == [f"outbox: {event.routing_key} {event.id} waits to be sent since {since} UTC"]
    expect_clean(world)


@pytest.mark.parametrize(
    ("routing_key", "row"),
    [("tweet.created", "tweet"), ("tweet.reposted", "repost"), ("user.followed", "follow")],
)
def test_an_event_lost_from_the_outbox(
    world: World, audit: Callable[..., list[str]], routing_key: str, row: str
) -> None:
    OutboxEvent.objects.filter(routing_key=routing_key).order_by("-id")[0].delete()
    counted = counters()

    [found] = audit(only=["outbox"])

    assert found.startswith(f"outbox: {row} ")
    assert found.endswith(f" was never told no {routing_key} in the outbox")
    expect_clean(world)
    assert counters() == counted


def counters() -> list[tuple[Any, ...]]:
    return list(User.objects.order_by("id").values_list("num_tweets", "num_followers"))


def test_an_event_lost_before_anyone_heard_of_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    tweet = world.alice.post("of which nobody knows")
    OutboxEvent.objects.filter(published_at=None).delete()

    with pytest.raises(CommandError, match="4 differences"):
        call_command("audit", wait=0)
    assert differences(capsys) == [
        f"outbox: tweet {tweet} was never told no tweet.created in the outbox",
        f"counters: user {world.alice.id} num_tweets is 3, counted 4",
        f"timelines: {world.timeline} lacks {tweet}",
        f"search: document {tweet} is missing",
    ]

    call_command("audit", wait=0, repair=True, only=["outbox"])

    expect_clean(world)  # the workers have mended the rest
    assert User.objects.get(id=world.alice.id).num_tweets == 4


def test_events_older_than_the_outbox_are_not_asked_for(world: World) -> None:
    """The relay prunes them."""
    OutboxEvent.objects.all().delete()
    long_ago = timezone.now() - outbox.KEPT
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox_audit, "_LOOKED_BACK", timezone.now() - long_ago - outbox.KEPT)
        call_command("audit", wait=0, only=["outbox"])


def test_a_stale_fragment(world: World, audit: Callable[..., list[str]]) -> None:
    User.objects.filter(id=world.alice.id).update(display_name="Alice the Second")
    Like.objects.filter(user_id=world.bob.id).delete()
    Tweet.objects.filter(id=world.other).update(num_likes=0, content="edited by hand")
    Tweet.objects.filter(id=world.tweets[0]).update(content="edited, too")

    assert audit(only=["cache"]) == sorted(
        [
            f"cache: marks:{world.bob.id} is stale {world.other}",
            f"cache: tweet:{world.other} is stale",
            f"cache: tweet:{world.tweets[0]} is stale",
            f"cache: user:{world.alice.id} is stale",
        ]
    )

    call_command("audit", wait=0, only=["cache"])


def test_a_fragment_of_what_is_gone(world: World, audit: Callable[..., list[str]]) -> None:
    Tweet.objects.filter(id=world.tweets[0]).delete()

    assert audit(only=["cache"]) == [f"cache: tweet:{world.tweets[0]} is stale"]


def test_a_dead_letter(world: World, audit: Callable[..., list[str]]) -> None:
    worker = workers()["search"]
    world.alice.post("which a worker of another version refused")
    relay_all(broker())
    broker().run_once(replace(worker, handlers={}))
    world.drain()
    wait_until(lambda: broker().depth(dead_queue(worker.queue)))

    assert audit(only=["dead letters"]) == [
        "dead letters: search_tweets.dead holds dead letters: 1"
    ]

    expect_clean(world)


def test_poison_is_not_mended(world: World) -> None:
    worker = workers()["search"]
    junk = Message(message_id="m1", routing_key="tweet.deleted", body=b"{}", timestamp=0)
    broker().publish([junk])
    world.drain()
    wait_until(lambda: broker().depth(dead_queue(worker.queue)))

    call_command("audit", wait=0, repair=True, only=["dead letters"])
    world.drain()
    wait_until(lambda: broker().depth(dead_queue(worker.queue)))

    with pytest.raises(CommandError, match="3 differences: --repair mends them"):
        call_command("audit", wait=0, only=["dead letters"])


def test_news_on_their_way_are_no_damage(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.alice.post("under way")
    parts = ["counters", "timelines", "search", "cache"]

    with pytest.raises(CommandError, match="not everything can be judged now") as raised:
        call_command("audit", wait=0, repair=True, only=parts)

    assert raised.value.returncode == 2
    assert "3 more differ while older news are on their way" in capsys.readouterr().err
    expect_clean(world)


def test_what_has_arrived_at_the_second_look_is_no_damage(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.alice.post("under way")

    def wait(*_: Any) -> bool:
        world.drain()
        return True

    monkeypatch.setattr(rounds, "wait_until_drained", wait)

    call_command("audit", wait=0, only=["counters", "timelines", "search", "cache"])

    assert differences(capsys) == []


def write_document(world: World, **fields: Any) -> None:
    """The second of alice's tweets as it should not be, and as late as anything can be."""
    tweet = Tweet.objects.get(id=world.tweets[1])
    document: dict[str, Any] = {"content": tweet.content, "hidden": False} | fields
    version = int(timezone.now().timestamp() * 1_000_000)
    index().write(
        [
            Document(
                id=tweet.id,
                user_id=tweet.user_id,
                created_at=tweet.created_at,
                version=version,
                **document,
            )
        ]
    )
