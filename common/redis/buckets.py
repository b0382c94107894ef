"""Token buckets that all processes share: they limit the rates of requests and of attempts.

A bucket holds as many tokens as its rate allows in its period, and fills up evenly in that time.
Redis stores it as one number. One script changes it, so no two processes take the same token, and
takes from several buckets in one round trip.

Without Redis each process counts alone, by the same rates: an outage locks no client out.
"""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import redis.exceptions
from django.conf import settings

from common.errors import OUTAGES
from common.redis.scripts import Script, read_script

# The pause before Redis is tried again after an outage: each try of a hung server takes seconds.
RETRY_SECONDS = 5.0
# Buckets that a process keeps in memory, some 300 bytes each.
MAX_LOCAL = 50_000
_NEARLY = 0.001  # of a token, because calculations with times are not exact
# If it runs twice because a connection broke, it takes or returns one batch too many.
_TAKE = Script(read_script("common.redis/take_tokens"))
_PERIODS = {"s": 1, "sec": 1, "min": 60, "hour": 3600, "day": 86400}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rate:
    tokens: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """Reads `"30/min"`. Raises `ValueError` for any other form."""
        tokens, _, period = text.partition("/")
        if not tokens.isdecimal() or int(tokens) < 1 or period not in _PERIODS:
            raise ValueError(f"{text!r} is not a rate: write 30/min, with s, min, hour or day")
        return cls(int(tokens), _PERIODS[period])


@dataclass(frozen=True, slots=True)
class Bucket:
    scope: str
    owner: str  # an address or an account's id; Redis stores only its digest
    rate: Rate

    @property
    def key(self) -> str:
        return f"rate:{self.scope}:{digest(self.owner)}"


@dataclass(frozen=True, slots=True)
class Taken:
    tokens: int
    wait: float  # seconds until the next token, if none was taken
    left: tuple[int, ...]  # the tokens in each bucket
    full_in: tuple[float, ...]  # the seconds until each bucket is full


class TokenBuckets:
    """Buckets in Redis, and in this process during an outage of Redis."""

    def __init__(self) -> None:
        self._local = LocalBuckets()
        self._redis_from = float("-inf")

    def take(self, buckets: Sequence[Bucket], most: int = 1) -> Taken:
        """Takes up to `most` tokens, the same number from each bucket."""
        return self._change(buckets, most)

    def give_back(self, buckets: Sequence[Bucket], tokens: int = 1) -> None:
        self._change(buckets, -tokens)

    def reset(self, *, local_for: float = 0.0) -> None:
        """Restores the state of a new process, which skips Redis for `local_for` seconds."""
        self._local = LocalBuckets()
        self._redis_from = time.monotonic() + local_for

    def _change(self, buckets: Sequence[Bucket], tokens: int) -> Taken:
        if time.monotonic() >= self._redis_from:
            try:
                return _change_in_redis(buckets, tokens)
            # a ResponseError, too: Redis may refuse to write for lack of memory
            except (*OUTAGES, redis.exceptions.ResponseError) as error:
                log.warning("rate limits are counted per process: %s", error)
                self._redis_from = time.monotonic() + RETRY_SECONDS
        return self._local.change(buckets, tokens)


def _change_in_redis(buckets: Sequence[Bucket], tokens: int) -> Taken:
    args: list[int] = [tokens]
    for bucket in buckets:
        args += (bucket.rate.tokens, bucket.rate.seconds * 1_000_000)
    taken, wait, *levels = _TAKE(keys=[bucket.key for bucket in buckets], args=args)
    return Taken(
        taken, wait / 1e6, tuple(levels[::2]), tuple(full_in / 1e6 for full_in in levels[1::2])
    )


class LocalBuckets:
    """The algorithm of take_tokens.lua in memory. Forgets the least recently used buckets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def change(self, buckets: Sequence[Bucket], most: int) -> Taken:
        with self._lock:
            return self._change(buckets, most, time.monotonic())

    def _change(self, buckets: Sequence[Bucket], most: int, now: float) -> Taken:
        before = [max(self._full_at.get(bucket.key, now) - now, 0.0) for bucket in buckets]
        pairs = list(zip(buckets, before, strict=True))
        tokens = min(most, *(_tokens_left(bucket.rate, full_in) for bucket, full_in in pairs))
        if most > 0:
            tokens = max(tokens, 0)
        wait = max(
            full_in + bucket.rate.seconds / bucket.rate.tokens - bucket.rate.seconds
            for bucket, full_in in pairs
        )
        after = [
            max(full_in + tokens * bucket.rate.seconds / bucket.rate.tokens, 0.0)
            for bucket, full_in in pairs
        ]
        for bucket, full_in in zip(buckets, after, strict=True):
            self._full_at[bucket.key] = now + full_in
            self._full_at.move_to_end(bucket.key)
        while len(self._full_at) > MAX_LOCAL:
            self._full_at.popitem(last=False)
        return Taken(
            tokens,
            0.0 if tokens else max(wait, 0.0),
            tuple(_tokens_left(b.rate, full_in) for b, full_in in zip(buckets, after, strict=True)),
            tuple(after),
        )


def digest(text: str) -> str:
    """A keyed hash for Redis keys, which must not show e-mail addresses or client addresses."""
    secret = settings.SECRET_KEY.encode()[:64]
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=12, key=secret).hexdigest()


def _tokens_left(rate: Rate, full_in: float) -> int:
    return floor((rate.seconds - full_in) * rate.tokens / rate.seconds + _NEARLY)


token_buckets = TokenBuckets()
take = token_buckets.take
give_back = token_buckets.give_back
