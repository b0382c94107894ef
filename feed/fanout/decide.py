"""Decides how each author's entries reach the followers. Writes nothing."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from common.http.pagination import Page
from common.ids import created_at
from common.redis import shards
from feed import pulling
from feed.fanout import slices
from grpc_services.clients import accounts, tweets

_NO_FOLLOWERS: Page[int] = Page([], None)

# By author and shard, the author's state there: see `feed.pulling`.
States = Mapping[int, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Route:
    author_id: int
    states: Mapping[str, str]  # by shard
    first_page: Page[int]  # of the author's followers
    starts_pulling: bool  # the author is over the limit and still pushed

    @property
    def pushed(self) -> Sequence[str]:
        """The shards on which the author's entries are pushed."""
        return [shard for shard, state in self.states.items() if state != pulling.PULLED]


def states_of(author_ids: Collection[int]) -> States:
    by_shard = {shard: pulling.states(shard, author_ids) for shard in shards.names()}
    return {id: {shard: states[id] for shard, states in by_shard.items()} for id in author_ids}


def authors_to_push_again(states: States) -> list[int]:
    """The pulled authors who have lost enough followers."""
    pulled = [id for id, by_shard in states.items() if pulling.PULLED in by_shard.values()]
    users = accounts.get_users(pulled).values()
    return [user.id for user in users if pulling.is_well_under(user.num_followers)]


def routes(states: States) -> Iterator[Route]:
    """A route for each author; the next page of followers is fetched when it is asked for."""
    pushed = []
    for author_id, by_shard in states.items():
        if all(state == pulling.PULLED for state in by_shard.values()):
            yield Route(author_id, by_shard, _NO_FOLLOWERS, starts_pulling=False)
        else:
            pushed.append(author_id)
    for author_id, page in accounts.iter_first_follower_ids(pushed, limit=slices.SIZE):
        is_over = pulling.is_over(_num_followers(author_id, page))
        yield Route(author_id, states[author_id], page, starts_pulling=is_over)


def on_shards(pushed: Collection[str], page: Page[int]) -> Page[int]:
    """The followers on the page whose timelines are on these shards."""
    if len(pushed) == len(shards.names()):
        return page
    if not pushed:
        return _NO_FOLLOWERS
    return Page([id for id in page.items if shards.of(id) in pushed], page.next)


def freshness(entry_ids: Sequence[int], *, fresh_seconds: float) -> dict[int, bool]:
    """Whether each entry is younger than `fresh_seconds`, without deleted ones that are older."""
    late = [id for id in entry_ids if not _is_fresh(id, fresh_seconds)]
    fresh = set(entry_ids).difference(late)
    return dict.fromkeys(fresh, True) | {tweet.entry_id: False for tweet in tweets.get_tweets(late)}


def _num_followers(author_id: int, first_page: Page[int]) -> int:
    if first_page.next is None:
        return len(first_page.items)
    author = accounts.find_user(user_id=author_id)
    return author.num_followers if author else 0


def _is_fresh(entry_id: int, seconds: float) -> bool:
    return time.time() - created_at(entry_id).timestamp() < seconds
