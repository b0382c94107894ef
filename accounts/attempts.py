"""Rate limits for wrong passwords. Guessing is slow, and an attacker cannot lock the owner out.

Only failures count, since a success returns its tokens. A failure counts in several buckets:

- by account and address: an attacker at one address is slowed there, and no other client is;
- by account, over all addresses without a recent log-in to it: many machines that guess one
  password are slowed together, while the owner still gets in from the usual address;
- by account, over the same addresses, with a token of it: the thief of a token is slowed at every
  address, clients without a token cannot fill this bucket, and the owner can still change the
  password from the usual address;
- by address, over all accounts: one password tried on many accounts. An IPv6 network of /48 counts,
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

# How long an address counts as known to an account after a log-in from it.
KNOWN = timedelta(days=30)

_FAILURES = (Unauthenticated, Forbidden, ValidationError)


@contextmanager
def counted(*, account: str, address: str, is_signed_in: bool = False) -> Iterator[None]:
    """Wraps one attempt. Raises `TooMany` before the costly hash.

    `account` is the name that the client sent, of an existing account or not.
    """
    account = account.strip().lower()
    buckets = _buckets(account, address, is_signed_in=is_signed_in)
    if not buckets:
        yield  # the settings set no rate
        return
    taken = take(buckets)
    if not taken.tokens:
        raise TooMany(
            "too many wrong passwords; try again later", retry_after=math.ceil(taken.wait)
        )
    try:
        yield
    except _FAILURES:
        raise
    except BaseException:
        give_back(buckets)  # the server failed, not the client
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
    """False while Redis is down."""
    return cache.get(_known_key(account, address)) is not None


def _known_key(account: str, address: str) -> str:
    return f"known:{digest(f'{account} {address}')}"
