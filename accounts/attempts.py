"""Wrong passwords: slowed down, so that nobody guesses one and nobody locks another one out.

Only failures count, since a success gives back what it took. They are counted several times over:

- by account and address: whoever guesses from one place is slowed there, and nobody else is;
- by account, from all addresses from which it hasn't been signed in to lately: many machines that
  guess one password are slowed together, while the owner gets in from where the owner always does;
- by account, with a token of it, from the same addresses: a thief of a token is slowed wherever the
  requests come from, a stranger without one can't fill this bucket, and the owner can still change
  the password from where the owner always does;
- by address, over all accounts: one password tried on everybody. An IPv6 network of /48 counts,
  too, since it holds 65,536 of what counts as an address.

An account that doesn't exist is counted like any other.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.core.cache import cache
from django.core.exceptions import ValidationError

from common.errors import Forbidden, TooMany, Unauthenticated
from common.http.throttling import network_rate, rate_of, surrounding_network
from common.redis.buckets import Bucket, digest, give_back, take

# How long an account remembers an address from which it was signed in to.
KNOWN = timedelta(days=30)

_FAILURES = (Unauthenticated, Forbidden, ValidationError)


@contextmanager
def counted(*, account: str, address: str, is_signed_in: bool = False) -> Iterator[None]:
    """Around one attempt. Raises `TooMany` before anything costly is done.

    `account` is what the client calls it, whether or not there is one.
    """
    account = account.strip().lower()
    buckets = _buckets(account, address, is_signed_in=is_signed_in)
    if not buckets:
        yield  # the rates are lifted
        return
    taken = take(buckets)
    if not taken.tokens:
        raise TooMany(
            "too many wrong passwords: try again later", retry_after=math.ceil(taken.wait)
        )
    try:
        yield
    except _FAILURES:
        raise
    except BaseException:
        give_back(buckets)  # it is our failure
        raise
    give_back(buckets)
    cache.set(_known_key(account, address), 1, KNOWN.total_seconds())


def _buckets(account: str, address: str, *, is_signed_in: bool) -> list[Bucket]:
    owners = {"guess": f"{account} {address}", "guess_address": address}
    if not _is_known(account, address):
        owners["guess_signed_in" if is_signed_in else "guess_account"] = account
    rates = {scope: rate_of(scope) for scope in owners}
    buckets = [Bucket(scope, owners[scope], rate) for scope, rate in rates.items() if rate]
    network, rate = surrounding_network(address), rates["guess_address"]
    if network and rate:
        buckets.append(Bucket("guess_address", network, network_rate(rate)))
    return buckets


def _is_known(account: str, address: str) -> bool:
    """Without Redis, nobody is."""
    return cache.get(_known_key(account, address)) is not None


def _known_key(account: str, address: str) -> str:
    return f"known:{digest(f'{account} {address}')}"
