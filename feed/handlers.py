"""Handlers of the events that change timelines.

A handler may receive an event twice, late or out of order. It asks for the current state where that
decides (does bob still follow alice?); otherwise the scripts of `feed.writes` are idempotent.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from feed import expected, reads, rebuilding, shard_membership, writes
from feed.fanout import deliver
from grpc_services.clients import accounts
from grpc_services.clients.accounts import Relation
from hydration.invalidate import Change, drop
from messaging.events import (
    FollowersRemoved,
    UserDeleted,
    UserFollowed,
    UserRestored,
    UserSuspended,
    UserUnfollowed,
    UserUpdated,
)
from messaging.worker import Handler, Worker

# A batch that changes more follows of one user than this drops the timeline instead: building it
# costs as much as a few merges.
MOST_MERGES = 3


def apply_follows(events: Sequence[UserFollowed] | Sequence[UserUnfollowed]) -> None:
    """Adds or removes authors in their followers' timelines, by the current follow relations.

    The first pass makes fan-out include or skip the follower. Only then are the authors' entries
    read, which the second pass adds or removes. So an entry posted meanwhile is either read here or
    handled by fan-out.
    """
    by_follower: dict[int, list[int]] = {}
    for event in events:
        by_follower.setdefault(event.follower_id, []).append(event.following_id)
    relations = {
        follower_id: accounts.get_relations(viewer_id=follower_id, user_ids=set(author_ids))
        for follower_id, author_ids in by_follower.items()
    }
    for follower_id in by_follower:
        _apply(follower_id, relations[follower_id], lambda author_id: [])
    entries_of = cache(expected.entries_of)  # for this batch
    for follower_id in by_follower:
        if len(relations[follower_id]) > MOST_MERGES:
            writes.forget(follower_id)
        if reads.materialised([follower_id]):
            _apply(follower_id, relations[follower_id], entries_of)
        if any(relation.following for relation in relations[follower_id].values()):
            rebuilding.materialise(follower_id)


def _apply(
    follower_id: int,
    relations: Mapping[int, Relation],
    entries_of: Callable[[int], list[int]],
) -> None:
    for author_id, relation in relations.items():
        writes.apply_follow(
            follower_id=follower_id,
            author_id=author_id,
            following=relation.following,
            version=relation.version,
            entries=entries_of(author_id),
        )


def drop_users(events: Sequence[UserUpdated | UserSuspended | UserRestored | UserDeleted]) -> None:
    """Drops the users' fragments again, in case the writer died before it could."""
    drop(Change(users=[event.id for event in events]))


def forget(events: Sequence[UserSuspended] | Sequence[UserDeleted]) -> None:
    """Drops the users' own timelines. Other pages hide their entries anyway."""
    drop_users(events)
    for event in events:
        writes.forget(event.id)


def forget_followers(events: Sequence[FollowersRemoved]) -> None:
    """Drops the timelines of a deleted account's followers.

    The account's entries in them can't be identified after the deletion, and would take up
    positions on pages that are read by offset.
    """
    for event in events:
        writes.forget_all(event.follower_ids)


def merge_restored(events: Sequence[UserRestored]) -> None:
    """Merges a restored author's entries into the timelines that were built without them."""
    drop_users(events)
    for event in events:
        deliver.merge_first_slice(event.id)


HANDLERS: dict[str, Handler] = {
    "tweet.created": deliver.fan_out,
    "tweet.reposted": deliver.fan_out,
    "tweet.deleted": deliver.remove_entries,
    "tweet.unreposted": deliver.remove_entries,
    "user.followed": apply_follows,
    "user.unfollowed": apply_follows,
    "user.updated": drop_users,
    "user.suspended": forget,
    "user.deleted": forget,
    "user.restored": merge_restored,
}

WORKER = Worker(
    queue="general_tweets", handlers=HANDLERS, prepare=shard_membership.remove_stale_keys_once
)
SLICES = Worker(
    queue="feed_slices",
    handlers={
        "feed.sliced": deliver.deliver_slices,
        "feed.pull_ended": deliver.end_pulling_slices,
        "feed.merge_sliced": deliver.merge_slices,
        "user.followers_removed": forget_followers,
    },
    batch=1,
    prepare=shard_membership.remove_stale_keys_once,
)
