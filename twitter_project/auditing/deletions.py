"""Rows that belong to deleted accounts: tweets, reposts, likes and follows."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from django.db.models import QuerySet

import accounts.selectors
import accounts.services
import tweets.services
from accounts.models import Follow
from messaging.events import RemovalSliced
from tweets.models import Like, Tweet
from twitter_project.auditing.checks import Check, Checked, Finding
from twitter_project.auditing.slices import recently_published

PAGE = 1000

# By kind: the rows and their column of the user. Likes and reposts of deleted tweets are left out,
# because the deletion of the tweet removes them.
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


def find() -> Iterator[Checked]:
    after_id = 0
    while user_ids := _users(after_id):
        yield Checked(len(user_ids), _findings(user_ids))
        after_id = user_ids[-1]


def recheck(findings: Sequence[Finding]) -> list[Finding]:
    return _findings({finding.id for finding in findings})


def repair(findings: Sequence[Finding]) -> None:
    for finding in findings:
        tweets.services.remove_user(finding.id)
        while accounts.services.remove_follows(user_id=finding.id):
            pass


def _users(after_id: int) -> list[int]:
    """The next users, by id, who have a tweet, repost, like, follow or follower."""
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


def _findings(user_ids: Collection[int]) -> list[Finding]:
    deleted = accounts.selectors.find_deleted(user_ids)
    if not deleted:
        return []
    in_progress = {event.user_id for event in recently_published(RemovalSliced, service="tweets")}
    left = {id: _left(id) for id in sorted(deleted - in_progress)}
    return [
        Finding(f"user {id}", "is deleted but has", id, detail=", ".join(kinds))
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
    recheck=recheck,
    repair=repair,
)
