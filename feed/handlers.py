"""How timelines follow the news.

Handling news twice or late changes nothing, by the scripts in `feed.store`. What a handler must
know as it is now (does bob still follow alice?) it asks; what it only needs to place, it places.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from feed import placement, store, truth
from feed.fanout import fan_out, go_on, merge_first_slice, merge_on, push_again, take_back
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

# With news of more authors than this a timeline is built anew, which costs as much as few merges.
MERGED_AT_ONCE = 3


def settle(events: Sequence[UserFollowed] | Sequence[UserUnfollowed]) -> None:
    """Shows or hides authors in their followers' timelines, as each pair is now.

    The first pass makes fan-out push to the follower, or pass it over. Only then are the authors'
    entries read, which the second pass shows or hides. So an entry that is posted meanwhile is
    either read here or treated rightly by fan-out.
    """
    by_follower: dict[int, list[int]] = {}
    for event in events:
        by_follower.setdefault(event.follower_id, []).append(event.following_id)
    relations = {
        follower_id: accounts.get_relations(viewer_id=follower_id, user_ids=set(author_ids))
        for follower_id, author_ids in by_follower.items()
    }
    for follower_id in by_follower:
        _settle(follower_id, relations[follower_id], lambda author_id: [])
    entries_of = cache(truth.entries_of)  # while this batch lasts
    for follower_id in by_follower:
        if len(relations[follower_id]) > MERGED_AT_ONCE:
            store.forget(follower_id)
        if store.materialised([follower_id]):
            _settle(follower_id, relations[follower_id], entries_of)
        if any(relation.following for relation in relations[follower_id].values()):
            truth.materialise(follower_id)


def _settle(
    follower_id: int,
    relations: Mapping[int, Relation],
    entries_of: Callable[[int], list[int]],
) -> None:
    for author_id, relation in relations.items():
        store.settle(
            follower_id=follower_id,
            author_id=author_id,
            following=relation.following,
            version=relation.version,
            entries=entries_of(author_id),
        )


def show_users(events: Sequence[UserUpdated | UserSuspended | UserRestored | UserDeleted]) -> None:
    """Once more what the writer has dropped from the cache, in case it died before it could."""
    drop(Change(users=[event.id for event in events]))


def forget(events: Sequence[UserSuspended] | Sequence[UserDeleted]) -> None:
    """Drops their own timelines. Their entries elsewhere are hidden from readers already."""
    show_users(events)
    for event in events:
        store.forget(event.id)


def forget_followers(events: Sequence[FollowersRemoved]) -> None:
    """Drops the timelines of a deleted account's followers.

    Nobody can say any more which of their entries were the account's. Left there, they would take
    up the pages that are read by offset.
    """
    for event in events:
        store.forget_all(event.follower_ids)


def bring_back(events: Sequence[UserRestored]) -> None:
    """Puts a restored author's entries into the timelines that were built without them."""
    show_users(events)
    for event in events:
        merge_first_slice(event.id)


HANDLERS: dict[str, Handler] = {
    "tweet.created": fan_out,
    "tweet.reposted": fan_out,
    "tweet.deleted": take_back,
    "tweet.unreposted": take_back,
    "user.followed": settle,
    "user.unfollowed": settle,
    "user.updated": show_users,
    "user.suspended": forget,
    "user.deleted": forget,
    "user.restored": bring_back,
}

WORKER = Worker(queue="general_tweets", handlers=HANDLERS, prepare=placement.settle_once)
SLICES = Worker(
    queue="feed_slices",
    handlers={
        "feed.sliced": go_on,
        "feed.pull_ended": push_again,
        "feed.merge_sliced": merge_on,
        "user.followers_removed": forget_followers,
    },
    batch=1,
    prepare=placement.settle_once,
)
