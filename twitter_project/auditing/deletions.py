"""Rows that deleted accounts left: tweets, reposts, likes and follows without an account."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

import accounts.selectors
import accounts.services
import tweets.services
from accounts.models import Follow
from messaging.events import RemovalSliced
from tweets.models import Like, Tweet
from twitter_project.auditing.findings import Check, Finding, Looked
from twitter_project.auditing.slices import published_lately

PAGE = 1000

# By what is left: the rows, and the user they belong to. Likes and reposts of deleted tweets are
# left out: they belong to the deletion of the tweet.
_KINDS: dict[str, tuple[Callable[[], QuerySet[Any]], str]] = {
    "tweets": (Tweet.objects.tweets, "user_id"),
    "reposts": (
        lambda: Tweet.objects.reposts().filter(repost_of__user_id__isnull=False),
        "user_id",
    ),
    "likes": (lambda: Like.objects.filter(tweet__user_id__isnull=False), "user_id"),
    "follows": (Follow.objects.all, "follower_id"),
    "followers": (Follow.objects.all, "following_id"),
}


def find() -> Iterator[Looked]:
    after_id = 0
    while user_ids := _users(after_id):
        yield Looked(len(user_ids), _look(user_ids))
        after_id = user_ids[-1]


def look_again(findings: Sequence[Finding]) -> list[Finding]:
    return _look({finding.id for finding in findings})


def mend(findings: Sequence[Finding]) -> None:
    for finding in findings:
        tweets.services.forget_user(finding.id)
        while accounts.services.remove_follows(user_id=finding.id):
            pass


def _users(after_id: int) -> list[int]:
    """The next users, in order of id, who wrote, liked or followed something or are followed."""
    found: set[int] = set()
    for model, user in (
        (Tweet, "user_id"),
        (Like, "user_id"),
        (Follow, "follower_id"),
        (Follow, "following_id"),
    ):
        rows = model._base_manager.filter(**{f"{user}__gt": after_id}).order_by(user)
        found.update(rows.values_list(user, flat=True).distinct()[:PAGE])
    return sorted(found)[:PAGE]


def _look(user_ids: Collection[int]) -> list[Finding]:
    deleted = accounts.selectors.find_deleted(user_ids)
    if not deleted:
        return []
    under_way = {event.user_id for event in published_lately(RemovalSliced, service="tweets")}
    left = {id: _left(id) for id in sorted(deleted - under_way)}
    return [
        Finding(f"user {id}", "is deleted and left", id, told=", ".join(kinds))
        for id, kinds in left.items()
        if kinds
    ]


def _left(user_id: int) -> list[str]:
    return [
        kind for kind, (rows, user) in _KINDS.items() if rows().filter(**{user: user_id}).exists()
    ]


CHECK = Check(
    name="deletions",
    unit="users",
    count=lambda: None,
    find=find,
    look_again=look_again,
    mend=mend,
)
