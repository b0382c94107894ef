"""Token buckets that all processes share: what rates of requests and attempts are counted in.

A bucket holds as many tokens as its rate allows in its period, and fills up evenly in that time. It
stands in Redis as one number that one script changes, so that no two processes take the same token,
and several buckets are asked in one round trip.

Without Redis each process counts for itself: nobody is locked out by an outage, and nobody gets
more than the rate from each process.
"""

import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from pathlib import Path

import redis.exceptions
from django.conf import settings

from common.errors import OUTAGES
from common.redis.scripts import Script

# After an outage, how long before Redis is asked again: a server that hangs takes seconds to tell.
_RETRY_SECONDS = 5.0
# Buckets that a process keeps for itself, some 300 bytes each.
_MOST_LOCAL = 50_000
_NEARLY = 0.001  # of a token: no calculation with times is exact
# Run twice where a connection breaks meanwhile, it takes a token too many or gives one.
_TAKE = Script((Path(__file__).parent / "scripts" / "take.lua").read_text())
_PERIODS = {"s": 1, "sec": 1, "min": 60, "hour": 3600, "day": 86400}

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rate:
    tokens: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """`"30/min"`; raises `ValueError` for what is no rate."""
        tokens, _, period = text.partition("/")
        if not tokens.isdecimal() or int(tokens) < 1 or period not in _PERIODS:
            raise ValueError(f"{text!r} is no rate: write 30/min, with s, min, hour or day")
        return cls(int(tokens), _PERIODS[period])


@dataclass(frozen=True, slots=True)
class Bucket:
    scope: str
    owner: str  # an address, an account's id: no part of it stands in Redis
    rate: Rate

    @property
    def key(self) -> str:
        return f"rate:{self.scope}:{digest(self.owner)}"


@dataclass(frozen=True, slots=True)
class Taken:
    tokens: int
    wait: float  # seconds until there is a token again, where none was taken
    left: tuple[int, ...]  # of each bucket: its tokens now
    full_in: tuple[float, ...]  # of each bucket: the seconds until it is full


def take(buckets: Sequence[Bucket], most: int = 1) -> Taken:
    """Takes up to `most` tokens from each of the buckets, of all the same number."""
    return _run(buckets, most)


def give_back(buckets: Sequence[Bucket], tokens: int = 1) -> None:
    _run(buckets, -tokens)


def _run(buckets: Sequence[Bucket], most: int) -> Taken:
    if time.monotonic() >= _outage.until:
        try:
            return _run_in_redis(buckets, most)
        # what refuses to write, for want of memory, counts as gone
        except (*OUTAGES, redis.exceptions.ResponseError) as error:
            log.warning("rates are counted by each process for itself: %s", error)
            _outage.until = time.monotonic() + _RETRY_SECONDS
    return _local.run(buckets, most)


def _run_in_redis(buckets: Sequence[Bucket], most: int) -> Taken:
    args: list[int] = [most]
    for bucket in buckets:
        args += (bucket.rate.tokens, bucket.rate.seconds * 1_000_000)
    tokens, wait, *levels = _TAKE(keys=[bucket.key for bucket in buckets], args=args)
    return Taken(
        tokens, wait / 1e6, tuple(levels[::2]), tuple(full_in / 1e6 for full_in in levels[1::2])
    )


class _Outage:
    until = float("-inf")


class _LocalBuckets:
    """What take.lua does, in this process alone. The longest untouched bucket is forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def run(self, buckets: Sequence[Bucket], most: int) -> Taken:
        with self._lock:
            return self._run(buckets, most, time.monotonic())

    def _run(self, buckets: Sequence[Bucket], most: int, now: float) -> Taken:
        empty_for = [max(self._full_at.get(bucket.key, now) - now, 0.0) for bucket in buckets]
        pairs = list(zip(buckets, empty_for, strict=True))
        tokens = min(most, *(_left(bucket.rate, empty) for bucket, empty in pairs))
        if most > 0:
            tokens = max(tokens, 0)
        wait = max(
            empty + bucket.rate.seconds / bucket.rate.tokens - bucket.rate.seconds
            for bucket, empty in pairs
        )
        after = [
            max(empty + tokens * bucket.rate.seconds / bucket.rate.tokens, 0.0)
            for bucket, empty in pairs
        ]
        for bucket, empty in zip(buckets, after, strict=True):
            self._full_at[bucket.key] = now + empty
            self._full_at.move_to_end(bucket.key)
        while len(self._full_at) > _MOST_LOCAL:
            self._full_at.popitem(last=False)
        return Taken(
            tokens,
            0.0 if tokens else max(wait, 0.0),
            tuple(_left(b.rate, empty) for b, empty in zip(buckets, after, strict=True)),
            tuple(after),
        )


def digest(text: str) -> str:
    """For keys, since no e-mail address and no client's address stands in Redis."""
    secret = settings.SECRET_KEY.encode()[:64]
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=12, key=secret).hexdigest()


def _left(rate: Rate, empty_for: float) -> int:
    return floor((rate.seconds - empty_for) * rate.tokens / rate.seconds + _NEARLY)


_outage = _Outage()
_local = _LocalBuckets()
