"""Rules for who may see a tweet or a repost. These rules are pure: callers read the facts.

`known` are the users who are neither suspended nor deleted. It is None while accounts is down: then
nothing is hidden.
"""

from collections.abc import Container, Iterable, Sequence

from common.errors import NotFound
from grpc_services.clients.tweets import Tweet


def people_of(*tweets: Tweet) -> set[int]:
    """The authors and, of tweets that were read by the id of a repost, the reposters."""
    people = {tweet.user_id for tweet in tweets}
    return people | {id for tweet in tweets if (id := tweet.reposted_by_id) is not None}


def is_shown(people: Iterable[int], known: Container[int] | None) -> bool:
    """Whether everyone who wrote or reposted the entry is known."""
    return known is None or all(person in known for person in people)


def check_shown(people: Iterable[int], known: Container[int] | None) -> None:
    """Raises `NotFound` if the tweet is hidden: it can't be read, liked, reposted or replied to."""
    if not is_shown(people, known):
        raise NotFound("there is no such tweet")


def visible(tweets: Sequence[Tweet], known: Container[int] | None) -> list[Tweet]:
    """The tweets without those of suspended or deleted users."""
    return [tweet for tweet in tweets if is_shown(people_of(tweet), known)]


def all_exist(*people: bytes | None) -> bool:
    """Whether none of a cached entry's people is None: suspended or deleted."""
    return None not in people
