"""`manage.py seed_demo`."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Follow, User
from common.ids import created_at
from messaging.models import OutboxEvent
from tests.support.factories import UserFactory
from tweets.length import check_content
from tweets.models import Like, Tweet
from twitter_project import demo, seed_graph


@pytest.fixture
def _demo(db: None) -> None:
    call_command("seed_demo", verbosity=0)


@pytest.fixture
def friends(tmp_path: Path) -> list[str]:
    """The options for a small graph: a triangle with a tail, and seven tweets."""
    (tmp_path / "graph.edges").write_text("# a comment\n1 2\n2 3\n3 1\n3 4\n2 1\n4 4\n\n")
    tweets = [f"tweet {number} &amp; more" for number in range(7)]
    (tmp_path / "tweets.txt").write_text("\n".join([*tweets, "", "x" * 300]))
    return ["--graph", str(tmp_path / "graph.edges"), "--tweets", str(tmp_path / "tweets.txt")]


def count_rows() -> tuple[int, ...]:
    return tuple(model.objects.count() for model in (User, Follow, Tweet, Like, OutboxEvent))


def test_every_line_of_the_text_is_parsed() -> None:
    people, threads = demo.read()
    names = {person.username for person in people}

    assert {"alice", "bob", "carol"} < names
    assert all(set(person.follows) < names for person in people)
    assert {thread.author for thread in threads} == names
    assert {author for thread in threads for author, _ in thread.replies} <= names
    lines = [line for line in demo.TEXT.read_text().splitlines() if line and line[0] != "#"]
    read = len(people) + sum(1 + len(thread.replies) for thread in threads)
    assert read == len(lines)


def test_every_tweet_is_valid_content() -> None:
    _, threads = demo.read()

    for thread in threads:
        for content in (thread.content, *(reply for _, reply in thread.replies)):
            check_content(content)


@pytest.mark.usefixtures("_demo")
def test_it_creates_alice_bob_and_carol() -> None:
    alice, bob, carol = (User.objects.named(name).get() for name in ("alice", "bob", "carol"))

    assert Follow.objects.filter(follower=bob, following=alice).exists()
    assert not Follow.objects.filter(follower=carol).exists()
    assert alice.check_password("password")
    assert not alice.is_staff
    assert Tweet.objects.tweets().count() > 300


@pytest.mark.usefixtures("_demo")
def test_its_tweets_are_in_the_past_in_order_of_id() -> None:
    now = timezone.now()
    users = {user.id: user for user in User.objects.all()}

    for tweet in Tweet.objects.all():
        assert tweet.created_at == created_at(tweet.id)
        assert now - timedelta(days=8) < tweet.created_at < now
        assert users[tweet.user_id].created_at < tweet.created_at
        assert tweet.parent_id is None or tweet.parent_id < tweet.id


@pytest.mark.usefixtures("_demo")
def test_its_counters_match_the_rows(drain: Callable[[], None]) -> None:
    drain()

    likes = Counter(Like.objects.values_list("tweet_id", flat=True))
    replies = Counter(Tweet.objects.exclude(parent_id=None).values_list("parent_id", flat=True))
    reposts = Counter(Tweet.objects.reposts().values_list("repost_of_id", flat=True))
    for tweet in Tweet.objects.tweets():
        counted = (likes[tweet.id], replies[tweet.id], reposts[tweet.id])
        assert (tweet.num_likes, tweet.num_replies, tweet.num_reposts) == counted
    written = Counter(Tweet.objects.tweets().values_list("user_id", flat=True))
    for user in User.objects.all():
        assert user.num_tweets == written[user.id]
        assert user.num_followers == user.follower_set.count()
        assert user.num_following == user.following_set.count()


@pytest.mark.usefixtures("_demo")
def test_its_events_reach_feed_and_search(drain: Callable[[], None], api: APIClient) -> None:
    drain()
    answer = api.post("/users/login", {"email": "bob@example.com", "password": "password"})
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['token']}")

    authors = {tweet["author"]["username"] for tweet in api.get("/feed").json()["tweets"]}
    found = api.get("/search", {"q": "sourdough"}).json()["results"]

    assert "alice" in authors
    assert [hit["author"]["username"] for hit in found] == ["alice"]


@pytest.mark.usefixtures("_demo")
def test_seeding_again_changes_nothing() -> None:
    before = count_rows()

    call_command("seed_demo")

    assert count_rows() == before


def test_the_admin_option_makes_alice_a_superuser(db: None) -> None:
    call_command("seed_demo", admin=True, verbosity=0)

    assert User.objects.named("alice").get().is_superuser


def test_a_taken_name_writes_nothing(db: None) -> None:
    UserFactory.create(username="Peter", email="someone@example.org")

    with pytest.raises(CommandError, match=r"peter or peter@example\.com is taken"):
        call_command("seed_demo", verbosity=0)

    assert User.objects.count() == 1


def test_a_graph_becomes_mutual_follows(db: None, friends: list[str]) -> None:
    call_command("seed_demo", *friends)

    third = User.objects.named("node-3").get()
    assert User.objects.count() == 4
    assert Follow.objects.count() == 8
    assert (third.num_followers, third.num_following) == (3, 3)
    assert third.check_password("password")


def test_the_tweets_of_a_graph_have_its_nodes_as_authors(db: None, friends: list[str]) -> None:
    call_command("seed_demo", *friends)

    tweets = list(Tweet.objects.order_by("id"))
    assert [tweet.content for tweet in tweets] == [f"tweet {n} & more" for n in range(7)]
    assert {tweet.user_id for tweet in tweets} <= set(User.objects.values_list("id", flat=True))
    assert len({tweet.user_id for tweet in tweets}) > 1
    assert all(tweet.created_at < timezone.now() for tweet in tweets)


def test_every_row_of_a_graph_publishes_its_event(db: None, friends: list[str]) -> None:
    call_command("seed_demo", *friends)

    published = Counter(OutboxEvent.objects.values_list("routing_key", flat=True))
    assert published == {"user.registered": 4, "user.followed": 8, "tweet.created": 7}


def test_an_interrupted_graph_is_completed_by_the_next_run(
    db: None, friends: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seed_graph, "BATCH", 2)
    call_command("seed_demo", *friends)
    whole = count_rows()
    tweets = set(Tweet.objects.values_list("id", "user_id", "content"))
    Tweet.objects.order_by("id").last().delete()  # type: ignore[union-attr]
    Follow.objects.order_by("id").last().delete()  # type: ignore[union-attr]

    call_command("seed_demo", *friends)

    users, follows, _, likes, events = whole
    assert count_rows() == (users, follows, len(tweets), likes, events + 2)
    assert set(Tweet.objects.values_list("id", "user_id", "content")) == tweets


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"1 2\n3\n", "line 2: expected two node names"),
        (b"1 ../x\n", "line 1: expected two node names"),
        (b"\xff\xfe1 2", "not UTF-8"),
        (b"# nothing\n", "holds no edges"),
    ],
)
def test_a_malformed_graph_is_refused_in_one_line(
    content: bytes, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "graph").write_bytes(content)

    with pytest.raises(CommandError, match=complaint) as refused:
        call_command("seed_demo", "--graph", str(tmp_path / "graph"))

    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="can't be read: No such file"):
        call_command("seed_demo", "--graph", str(tmp_path / "nowhere"))


def test_tweets_need_a_graph(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--graph"):
        call_command("seed_demo", "--tweets", str(tmp_path))
