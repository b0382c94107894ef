"""The people and tweets that the benchmarks work on, in the shapes that real ones have."""

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

# Where the real ones are not there: as many, and as unevenly spread.
_PEOPLE = 962
_FRIENDS_OF_A_NEWCOMER = 20
_TWEETS_MADE = 4200

FOLLOWERS = 10_000
FAMOUS, UNKNOWN = 80, 20
# Beside an author with a million followers.
_SMALL, _NEIGHBOURS = 10, 10
_SEED = 98
_SURELY_SHORT = 140  # however the platform counts


@dataclass(frozen=True, kw_only=True)
class PopularAuthor:
    """One author and 10,000 followers."""

    author_id: int
    follower_ids: Sequence[int]  # ascending

    @classmethod
    def make(cls, size: int = FOLLOWERS) -> "PopularAuthor":
        author, *followers = _write_users("crowd", size + 1)
        _write_follows([(user, author) for user in followers])
        return cls(author_id=author.id, follower_ids=[user.id for user in followers])


@dataclass(frozen=True, kw_only=True)
class RankedAuthors:
    """Authors whose followers are fewer by a power law: from all of a crowd down to none."""

    follower_ids: Mapping[int, Sequence[int]]  # by author

    @classmethod
    def make(cls, crowd: PopularAuthor) -> "RankedAuthors":
        users = [User(id=id) for id in crowd.follower_ids]
        counts = [FOLLOWERS // rank for rank in range(1, FAMOUS + 1)] + [0] * UNKNOWN
        random.Random(_SEED).shuffle(counts)
        authors = dict(zip(_write_users("author", len(counts)), counts, strict=True))
        _write_follows([(user, author) for author, n in authors.items() for user in users[:n]])
        return cls(
            follower_ids={author.id: crowd.follower_ids[:n] for author, n in authors.items()}
        )


@dataclass(frozen=True, kw_only=True)
class MillionFollowers:
    """An author and a million followers, whose ids are those after `before_id`; and a few authors
    with ten followers each.
    """

    author_id: int
    before_id: int
    size: int
    small: Mapping[int, Sequence[int]]  # followers, ascending, by author

    @classmethod
    def make(cls, size: int = 1_000_000) -> "MillionFollowers":
        [author] = _write_users("star", 1)
        before_id = first_id_at(timezone.now() - timedelta(days=31)) // 10**7 * 10**7
        _write_multitude(author, before_id, size)
        small = {}
        for number in range(_SMALL):
            neighbour, *followers = _write_users(f"neighbour-{number}", _NEIGHBOURS + 1)
            _write_follows([(user, neighbour) for user in followers])
            small[neighbour.id] = [user.id for user in followers]
        return cls(author_id=author.id, before_id=before_id, size=size, small=small)


@dataclass(frozen=True, kw_only=True)
class HeavyReader:
    """Who follows very many, and they have written."""

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
    """A friendship graph, whose people have written a few tweets each."""

    users: Sequence[User]
    contents: Sequence[str]

    @classmethod
    def make(cls) -> "SocialGraph":
        """Rows alone: relay and workers are measured with news of their own."""
        friendships, contents = _graph(), _contents()
        users = _write_users("node", len(friendships.nodes))
        of_node = dict(zip(friendships.nodes, users, strict=True))
        edges = friendships.edges
        _write_follows([(of_node[a], of_node[b]) for edge in edges for a, b in (edge, edge[::-1])])
        Tweet.objects.bulk_create(_tweets(users, contents), batch_size=2000)
        return cls(users=users, contents=contents)

    def readers(self, count: int) -> list[User]:
        """Some who follow many, some who follow few."""
        return random.Random(_SEED).sample(list(self.users), count)


def token(user: User) -> str:
    return tokens.issue(user).token


def newest_entries(user_id: int, limit: int) -> list[int]:
    """What a feed must begin with, past all code that builds feeds."""
    authors = Follow.objects.filter(follower_id=user_id).values_list("following_id", flat=True)
    entries = Tweet.objects.filter(user_id__in=[user_id, *authors]).order_by("-id")
    return list(entries.values_list("id", flat=True)[:limit])


def write_tweets(author_ids: Iterable[int]) -> list[Tweet]:
    """A fresh one of each, oldest first, in the database and nowhere else."""
    authors = list(author_ids)
    return Tweet.objects.bulk_create(
        [
            Tweet(id=id, user_id=author, content="The first snow.", created_at=created_at(id))
            for id, author in zip(new_ids(len(authors)), authors, strict=True)
        ]
    )


def _write_users(name: str, count: int) -> list[User]:
    """In order of id. Nobody logs in as one of them."""
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
    """Of who follows and who is followed. The counters stay as they are: nobody looks at them."""
    now = timezone.now()
    Follow.objects.bulk_create(
        [
            Follow(id=id, follower=follower, following=following, created_at=now)
            for id, (follower, following) in zip(new_ids(len(pairs)), pairs, strict=True)
        ],
        batch_size=5000,
    )


def _write_multitude(author: User, before_id: int, size: int) -> None:
    """By the database itself, and without asking for each row whether its two users exist."""
    names = {"before": before_id, "author": author.id, "size": size}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO accounts_user (
                id, username, email, password, display_name, bio, num_tweets, num_followers,
                num_following, created_at, session_epoch, is_staff, is_superuser
            )
            SELECT %(before)s + n, 'admirer-' || n, 'admirer-' || n || '@example.com', '', '', '',
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
    """Spread evenly over four weeks, and over the people by chance."""
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
    """Newcomers befriend who has many friends already, which makes a power law."""
    draw = random.Random(_SEED)
    ends: list[int] = list(range(_FRIENDS_OF_A_NEWCOMER))
    edges: set[tuple[int, int]] = set()
    for person in range(_FRIENDS_OF_A_NEWCOMER, _PEOPLE):
        friends = {draw.choice(ends) for _ in range(_FRIENDS_OF_A_NEWCOMER)}
        edges |= {(friend, person) for friend in friends}
        ends += [*friends, *[person] * len(friends)]
    return Graph(
        [str(person) for person in range(_PEOPLE)], [(str(a), str(b)) for a, b in sorted(edges)]
    )


def _contents() -> list[str]:
    if _TWEETS.exists():
        lines = [html.unescape(line).strip() for line in _TWEETS.read_text().splitlines()]
        return [line for line in lines if 0 < len(line) <= _SURELY_SHORT]
    lines = [line.partition(": ")[2] for line in _DEMO.read_text().splitlines()]
    return random.Random(_SEED).choices([line for line in lines if line], k=_TWEETS_MADE)
