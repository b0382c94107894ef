"""Starts and ends the pulling of authors (`feed.pulling`)."""

from collections.abc import Sequence

from common.ids import new_id
from feed import pulling
from feed.fanout import slices
from feed.fanout.decide import Route


def start_pulling(route: Route) -> Sequence[str]:
    """Makes readers pull the author. Returns the shards that are still pushed.

    There another worker has changed the author's state.
    """
    return [
        shard
        for shard in route.pushed
        if not pulling.start(shard, route.author_id, route.states[shard])
    ]


def end_pulling(author_id: int) -> None:
    """Pushes the author's entries again; slices merge those that were not pushed.

    The first slice is published before the state changes, so a crash in between loses nothing. An
    ending in progress starts again with the first follower.
    """
    numbers = [number for id, number in pulling.endings() if id == author_id] or [new_id()]
    for number in numbers:
        slices.publish_ending(author_id, number, after_id=None)
    pulling.start_ending(author_id, numbers[0])
