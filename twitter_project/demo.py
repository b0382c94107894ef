"""The demo data: people who follow each other, and their tweets of a week."""

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management.base import CommandError
from rich.progress import Progress

from accounts.models import Follow, User
from common.db import atomic
from common.ids import created_at
from tweets.models import Like, Tweet
from twitter_project.seeding import (
    PASSWORD,
    add_follows,
    add_likes,
    add_reposts,
    add_tweets,
    add_users,
    id_at,
)

TEXT = Path(__file__).with_name("demo.txt")
_SEED = 2020
_JOINED_AGO = timedelta(days=30)
_FOLLOWED_AGO = timedelta(days=8)
_WRITTEN_WITHIN = timedelta(days=7)

_PERSON = re.compile(r"@(\w+) \| ([^|]+) \| ([^|]+)(?: \| follows (.+))?")
_LINE = re.compile(r"(    )?(\w+): (.+)")


@dataclass(frozen=True)
class Person:
    username: str
    display_name: str
    bio: str
    follows: list[str]


@dataclass(frozen=True)
class Thread:
    """A tweet and its replies, in order."""

    author: str
    content: str
    replies: list[tuple[str, str]] = field(default_factory=list)  # author and content


def read() -> tuple[list[Person], list[Thread]]:
    people: list[Person] = []
    threads: list[Thread] = []
    for line in TEXT.read_text().splitlines():
        if person := _PERSON.fullmatch(line):
            username, display_name, bio, follows = person.groups()
            people.append(Person(username, display_name, bio, (follows or "").split()))
        elif written := _LINE.fullmatch(line):
            is_reply, author, content = written.groups()
            if is_reply:
                threads[-1].replies.append((author, content))
            else:
                threads.append(Thread(author, content))
    return people, threads


def is_there() -> bool:
    """Whether the demo data exists. Alice proves it: accounts are committed last."""
    return bool(User.objects.named("alice").exists())


def refuse_known_admin() -> None:
    """Raises `CommandError` if the demo's public password lets anyone sign in to the admin.

    ADMIN_TWO_FACTOR asks for a code besides the password.
    """
    if settings.ADMIN_TWO_FACTOR:
        return
    people, _ = read()
    staff = User.objects.active().filter(is_staff=True, username__in=[p.username for p in people])
    for user in staff:
        if user.check_password(PASSWORD):
            raise CommandError(
                f"{user.username} may use the admin and has the demo's password, which is "
                f"public: listen on 127.0.0.1, or run manage.py changepassword {user.username}"
            )


def write(now: datetime, progress: Progress, *, with_admin: bool) -> None:
    """One transaction for each database, so that an interrupted run leaves nothing behind."""
    people, threads = read()
    _refuse_taken(people)
    draw = random.Random(_SEED)  # noqa: S311 not for security
    users = _users(people, now - _JOINED_AGO, draw)
    users["alice"].is_staff = users["alice"].is_superuser = with_admin
    follows = _follows(people, users, now - _FOLLOWED_AGO, draw)
    tweets = _tweets(threads, users, now, draw)
    likes, reposts = _reactions(tweets, list(users.values()), follows, now, draw)

    task = progress.add_task("demo data", total=5)
    with atomic("accounts"):
        add_users(list(users.values()))
        progress.advance(task)
        add_follows(follows)
        progress.advance(task)
        with atomic("tweets"):
            add_tweets(tweets)
            progress.advance(task)
            add_likes(likes)
            progress.advance(task)
            add_reposts(reposts)
            progress.advance(task)


def _refuse_taken(people: Iterable[Person]) -> None:
    for person in people:
        email = _email(person)
        if User.objects.named(person.username).exists() or User.objects.with_email(email).exists():
            raise CommandError(f"{person.username} or {email} is taken: the demo data needs both")


def _email(person: Person) -> str:
    return f"{person.username}@example.com"


def _users(people: Iterable[Person], since: datetime, draw: random.Random) -> dict[str, User]:
    password = make_password(PASSWORD)  # slow on purpose, so hashed once
    users: dict[str, User] = {}
    for person in people:
        since += timedelta(minutes=draw.uniform(5, 600))
        users[person.username] = User(
            id=id_at(since, draw),
            username=person.username,
            email=_email(person),
            password=password,
            display_name=person.display_name,
            bio=person.bio,
            created_at=since,
        )
    return users


def _follows(
    people: Iterable[Person], users: dict[str, User], since: datetime, draw: random.Random
) -> list[Follow]:
    follows: list[Follow] = []
    for person in people:
        for name in person.follows:
            since += timedelta(minutes=draw.uniform(1, 20))
            follows.append(
                Follow(
                    id=id_at(since, draw),
                    follower=users[person.username],
                    following=users[name],
                    created_at=since,
                )
            )
    return follows


def _tweets(
    threads: Iterable[Thread], users: dict[str, User], now: datetime, draw: random.Random
) -> list[Tweet]:
    """Each thread starts at a random time; its replies follow after minutes or hours."""
    tweets: list[Tweet] = []
    for thread in threads:
        at = now - _WRITTEN_WITHIN * draw.uniform(0.01, 1)
        tweet = _tweet(users[thread.author], thread.content, at, draw)
        tweets.append(tweet)
        for author, content in thread.replies:
            at += (now - at) * draw.uniform(0.002, 0.1)
            tweets.append(_tweet(users[author], content, at, draw, parent=tweet))
            tweet.num_replies += 1
    return tweets


def _tweet(
    author: User, content: str, at: datetime, draw: random.Random, parent: Tweet | None = None
) -> Tweet:
    id = id_at(at, draw)
    return Tweet(
        id=id,
        user_id=author.id,
        content=content,
        parent_id=parent.id if parent else None,
        created_at=created_at(id),
    )


def _reactions(
    tweets: Iterable[Tweet],
    users: Iterable[User],
    follows: Iterable[Follow],
    now: datetime,
    draw: random.Random,
) -> tuple[list[Like], list[Tweet]]:
    """Followers like 30% of an author's tweets and repost 2%; others a tenth of that."""
    pairs = {(follow.follower_id, follow.following_id) for follow in follows}
    likes: list[Like] = []
    reposts: list[Tweet] = []
    for tweet in tweets:
        for user in users:
            if user.id == tweet.user_id:
                continue
            is_follower = (user.id, tweet.user_id) in pairs
            at = tweet.created_at + (now - tweet.created_at) * draw.uniform(0.01, 0.5)
            if draw.random() < (0.3 if is_follower else 0.03):
                likes.append(Like(tweet=tweet, user_id=user.id, created_at=at))
                tweet.num_likes += 1
            if draw.random() < (0.02 if is_follower else 0.002):
                id = id_at(at, draw)
                reposts.append(
                    Tweet(id=id, user_id=user.id, repost_of=tweet, created_at=created_at(id))
                )
                tweet.num_reposts += 1
    return likes, reposts
