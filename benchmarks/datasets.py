"""Users, follows and tweets with realistic shapes, written to the database directly."""

import html
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts import tokens
from accounts.models import Follow, User
from common.ids import RANDOM_BITS, created_at, first_id_at, new_ids
from tweets.models import Tweet
from twitter_project import seed_graph
from twitter_project.seed_graph import Graph

_DATA = settings.BASE_DIR.parent / "shared" / "data"
_EDGES = _DATA / "socfb-Reed98" / "socfb-Reed98.edges"
_TWEETS = _DATA / "tweets" / "tweets.txt"
_DEMO = settings.BASE_DIR / "twitter_project" / "demo.txt"

# Of the generated graph, which replaces the real one if that is missing.
_USERS = 962
_FRIENDS_OF_A_NEW_USER = 20
_TWEETS_GENERATED = 4200

FOLLOWERS = 10_000
AUTHORS_WITH_FOLLOWERS, AUTHORS_WITHOUT = 80, 20
# Beside the author with a million followers.
_SMALL_AUTHORS, _SMALL_FOLLOWERS = 10, 10
_SEED = 98
_SHORT = 140  # characters; within the limit for any weights


@dataclass(frozen=True, kw_only=True)
class PopularAuthor:
    """One author and 10,000 followers."""

    author_id: int
    follower_ids: Sequence[int]  # ascending

    @classmethod
    def make(cls, size: int = FOLLOWERS) -> "PopularAuthor":
        author, *followers = _write_users("popular", size + 1)
        _write_follows([(user, author) for user in followers])
        return cls(author_id=author.id, follower_ids=[user.id for user in followers])


@dataclass(frozen=True, kw_only=True)
class RankedAuthors:
    """Authors with 10,000 / rank followers, and some with none."""

    follower_ids: Mapping[int, Sequence[int]]  # by author

    @classmethod
    def make(cls, popular: PopularAuthor) -> "RankedAuthors":
        users = [User(id=id) for id in popular.follower_ids]
        counts = [FOLLOWERS // rank for rank in range(1, AUTHORS_WITH_FOLLOWERS + 1)]
        counts += [0] * AUTHORS_WITHOUT
        random.Random(_SEED).shuffle(counts)
        authors = dict(zip(_write_users("author", len(counts)), counts, strict=True))
        _write_follows([(user, author) for author, n in authors.items() for user in users[:n]])
        return cls(
            follower_ids={author.id: popular.follower_ids[:n] for author, n in authors.items()}
        )


@dataclass(frozen=True, kw_only=True)
class MillionFollowers:
    """An author with a million followers, and ten authors with ten followers each. The million ids
    follow `before_id` without gaps.
    """

    author_id: int
    before_id: int
    size: int
    small: Mapping[int, Sequence[int]]  # follower ids, ascending, by author

    @classmethod
    def make(cls, size: int = 1_000_000) -> "MillionFollowers":
        [author] = _write_users("million", 1)
        before_id = first_id_at(timezone.now() - timedelta(days=31)) // 10**7 * 10**7
        _write_followers(author, before_id, size)
        small = {}
        for number in range(_SMALL_AUTHORS):
            small_author, *followers = _write_users(f"small-{number}", _SMALL_FOLLOWERS + 1)
            _write_follows([(user, small_author) for user in followers])
            small[small_author.id] = [user.id for user in followers]
        return cls(author_id=author.id, before_id=before_id, size=size, small=small)


@dataclass(frozen=True, kw_only=True)
class HeavyReader:
    """A user who follows many authors with tweets."""

    user_id: int

    @classmethod
    def make(cls, name: str, *, followed: int, tweets: int) -> "HeavyReader":
        reader, *authors = _write_users(name, followed + 1)
        _write_follows([(reader, author) for author in authors])
        contents = ["The first snow."] * tweets
        Tweet.objects.bulk_create(_tweets(authors, contents), batch_size=2000)
        return cls(user_id=reader.id)


@dataclass(frozen=True, kw_only=True)
class SocialGraph:
    """Users who follow each other, with a few tweets each."""

    users: Sequence[User]
    contents: Sequence[str]

    @classmethod
    def make(cls) -> "SocialGraph":
        """Writes rows only, no events."""
        friendships, contents = _graph(), _contents()
        users = _write_users("node", len(friendships.nodes))
        of_node = dict(zip(friendships.nodes, users, strict=True))
        edges = friendships.edges
        _write_follows([(of_node[a], of_node[b]) for edge in edges for a, b in (edge, edge[::-1])])
        Tweet.objects.bulk_create(_tweets(users, contents), batch_size=2000)
        return cls(users=users, contents=contents)

    def readers(self, count: int) -> list[User]:
        """A sample of users, who follow many or few authors."""
        return random.Random(_SEED).sample(list(self.users), count)


def token(user: User) -> str:
    return tokens.issue(user).token


def newest_entries(user_id: int, limit: int) -> list[int]:
    """The expected head of the user's feed, read from the database alone."""
    authors = Follow.objects.filter(follower_id=user_id).values_list("following_id", flat=True)
    entries = Tweet.objects.filter(user_id__in=[user_id, *authors]).order_by("-id")
    return list(entries.values_list("id", flat=True)[:limit])


def write_tweets(author_ids: Iterable[int]) -> list[Tweet]:
    """A new tweet of each author, oldest first, in the database only."""
    authors = list(author_ids)
    return Tweet.objects.bulk_create(
        [
            Tweet(id=id, user_id=author, content="The first snow.", created_at=created_at(id))
            for id, author in zip(new_ids(len(authors)), authors, strict=True)
        ]
    )


def _write_users(name: str, count: int) -> list[User]:
    """In order of id, without passwords."""
    since = timezone.now() - timedelta(days=30)
    draw = random.Random(name)
    ids = [
        first_id_at(since + timedelta(seconds=n)) | draw.getrandbits(RANDOM_BITS)
        for n in range(count)
    ]
    users = [
        User(id=id, username=f"{name}-{n}", email=f"{name}-{n}@example.com", created_at=since)
        for n, id in enumerate(ids)
    ]
    User.objects.bulk_create(users, batch_size=2000)
    return users


def _write_follows(pairs: Sequence[tuple[User, User]]) -> None:
    """Pairs of follower and followed. Leaves the counters alone: no row reads them."""
    now = timezone.now()
    Follow.objects.bulk_create(
        [
            Follow(id=id, follower=follower, following=following, created_at=now)
            for id, (follower, following) in zip(new_ids(len(pairs)), pairs, strict=True)
        ],
        batch_size=5000,
    )


def _write_followers(author: User, before_id: int, size: int) -> None:
    """In SQL, without checking foreign keys."""
    names = {"before": before_id, "author": author.id, "size": size}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_user (
                id, username, email, password, display_name, bio, num_tweets, num_followers,
                num_following, created_at, session_epoch, is_staff, is_superuser
            )
            SELECT %(before)s + n, 'follower-' || n, 'follower-' || n || '@example.com', '', '', '',
                0, 0, 1, now(), 0, false, false
            FROM generate_series(1, %(size)s) n
            """,
            names,
        )
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            """
            INSERT INTO accounts_follow (id, follower_id, following_id, created_at)
            SELECT %(before)s + n, %(before)s + n, %(author)s, now()
            FROM generate_series(1, %(size)s) n
            """,
            names,
        )
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE accounts_user, accounts_follow")
    User.objects.filter(id=author.id).update(num_followers=size)


def _tweets(users: Sequence[User], contents: Sequence[str]) -> list[Tweet]:
    """Spread evenly over four weeks and randomly over the users."""
    draw = random.Random(_SEED)
    since = timezone.now() - timedelta(days=28)
    step = timedelta(days=28) / len(contents)
    ids = [
        first_id_at(since + step * number) | draw.getrandbits(RANDOM_BITS)
        for number in range(len(contents))
    ]
    return [
        Tweet(id=id, user_id=draw.choice(users).id, content=content, created_at=created_at(id))
        for id, content in zip(ids, contents, strict=True)
    ]


def _graph() -> Graph:
    return seed_graph.read_graph(_EDGES) if _EDGES.exists() else _make_graph()


def _make_graph() -> Graph:
    """By preferential attachment, which yields a power law."""
    draw = random.Random(_SEED)
    ends: list[int] = list(range(_FRIENDS_OF_A_NEW_USER))
    edges: set[tuple[int, int]] = set()
    for user in range(_FRIENDS_OF_A_NEW_USER, _USERS):
        friends = {draw.choice(ends) for _ in range(_FRIENDS_OF_A_NEW_USER)}
        edges |= {(friend, user) for friend in friends}
        ends += [*friends, *[user] * len(friends)]
    return Graph(
        [str(user) for user in range(_USERS)], [(str(a), str(b)) for a, b in sorted(edges)]
    )


def _contents() -> list[str]:
    if _TWEETS.exists():
        lines = [html.unescape(line).strip() for line in _TWEETS.read_text().splitlines()]
        return [line for line in lines if 0 < len(line) <= _SHORT]
    lines = [line.partition(": ")[2] for line in _DEMO.read_text().splitlines()]
    return random.Random(_SEED).choices([line for line in lines if line], k=_TWEETS_GENERATED)
