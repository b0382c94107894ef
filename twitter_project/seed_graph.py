"""Seeds the nodes of a friendship graph as accounts that follow each other and post tweets.

Restartable: a run finds the users of an earlier one by name, its follows by pair, and its tweets by
ids that are computed from the first user's.
"""

import html
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from django.contrib.auth.hashers import make_password
from django.core.management.base import CommandError
from django.db.models import Min
from rich.progress import Progress

from accounts.models import Follow, User
from common.batches import batched
from common.db import atomic
from common.errors import Invalid
from common.ids import created_at, new_ids
from tweets.length import check_content
from tweets.models import Tweet
from twitter_project.seeding import PASSWORD, add_follows, add_tweets, add_users, id_at

T = TypeVar("T")

BATCH = 500  # rows, each with an event, in one transaction
_SEED = 98
_JOINED_AGO = timedelta(days=30)
_WRITTEN_WITHIN = timedelta(days=28)


@dataclass(frozen=True)
class Graph:
    nodes: list[str]
    edges: list[tuple[str, str]]  # each pair once


def read_graph(path: Path) -> Graph:
    """Reads two node names a line. Duplicate pairs, in either order, and loops are dropped."""
    edges: dict[tuple[str, str], None] = {}
    for number, line in enumerate(_read_lines(path), start=1):
        names = line.split()
        if not names or line.startswith(("#", "%")):
            continue
        if len(names) < 2 or not all(name.isascii() and name.isalnum() for name in names[:2]):
            raise CommandError(f"{path}, line {number}: expected two node names: {line[:80]!r}")
        first, second = sorted(names[:2])
        if first != second:
            edges[first, second] = None
    if not edges:
        raise CommandError(f"{path} holds no edges")
    nodes = {name: None for edge in edges for name in edge}
    return Graph(list(nodes), list(edges))


def read_tweets(path: Path) -> list[str]:
    """Reads one tweet a line. Lines that can't be posted (empty, too long) are dropped."""
    lines = (html.unescape(line) for line in _read_lines(path))
    return [content for line in lines if (content := _find_content(line))]


def _find_content(line: str) -> str | None:
    try:
        return check_content(line)
    except Invalid:
        return None


def write(graph: Graph, contents: Sequence[str], now: datetime, progress: Progress) -> None:
    users = _write_users(graph.nodes, now - _JOINED_AGO, progress)
    _write_follows(graph.edges, users, progress)
    _write_tweets(contents, sorted(users.values()), progress)


def _write_users(nodes: Sequence[str], since: datetime, progress: Progress) -> dict[str, int]:
    """The users' ids, by node."""
    password = make_password(PASSWORD)  # slow on purpose, so hashed once
    draw = random.Random(_SEED)  # noqa: S311 not for security
    users: dict[str, int] = {}
    for batch in _advancing(nodes, progress, "users"):
        names = {f"node-{node}": node for node in batch}
        with atomic("accounts"):
            known = User.objects.filter(username__in=names).values_list("username", "id")
            users.update({names[name]: id for name, id in known})
            missing = [
                User(
                    id=id_at(since, draw),
                    username=name,
                    email=f"{name}@example.com",
                    password=password,
                    created_at=since,
                )
                for name, node in names.items()
                if node not in users
            ]
            add_users(missing)
        users.update({names[user.username]: user.id for user in missing})
    return users


def _write_follows(
    edges: Sequence[tuple[str, str]], users: dict[str, int], progress: Progress
) -> None:
    for batch in _advancing(edges, progress, "follows", size=BATCH // 2):
        pairs = {(users[a], users[b]) for edge in batch for a, b in (edge, edge[::-1])}
        with atomic("accounts"):
            rows = Follow.objects.filter(follower__in={follower for follower, _ in pairs})
            known = set(
                rows.filter(following__in={following for _, following in pairs}).values_list(
                    "follower_id", "following_id"
                )
            )
            missing = sorted(pairs - known)
            add_follows(list(map(_follow, new_ids(len(missing)), missing)))


def _follow(id: int, pair: tuple[int, int]) -> Follow:
    follower_id, following_id = pair
    return Follow(
        id=id, follower_id=follower_id, following_id=following_id, created_at=created_at(id)
    )


def _write_tweets(contents: Sequence[str], authors: Sequence[int], progress: Progress) -> None:
    """Times and authors are computed from the file and the first user, so reruns repeat them."""
    first = User.objects.filter(id__in=authors).aggregate(Min("created_at"))["created_at__min"]
    draw = random.Random(_SEED)  # noqa: S311 not for security
    planned: list[Tweet] = []
    for number, content in enumerate(contents, start=1):
        id = id_at(first + _WRITTEN_WITHIN * (number / len(contents)), draw)
        author = draw.choice(authors)
        planned.append(Tweet(id=id, user_id=author, content=content, created_at=created_at(id)))
    for batch in _advancing(planned, progress, "tweets"):
        with atomic("tweets"):
            ids = [tweet.id for tweet in batch]
            known = set(Tweet.objects.filter(id__in=ids).values_list("id", flat=True))
            add_tweets([tweet for tweet in batch if tweet.id not in known])


def _advancing(
    items: Sequence[T], progress: Progress, name: str, size: int = BATCH
) -> Iterator[list[T]]:
    task = progress.add_task(name, total=len(items))
    for batch in batched(items, size):
        yield batch
        progress.advance(task, len(batch))


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path} can't be read: it is not UTF-8") from None
