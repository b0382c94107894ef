"""Rate limits, by token buckets.

Requests with a token count by user and kind of route, other requests by address and kind of route.
All requests of an address count together, too. Every limit on an IPv6 address has a second one for
its /48 network.

`settings.RATES` holds the rates. The kind of a route is `read` or `write`, unless the view's
attribute `rates` names another one for the method. A refused request is answered 429 with
`Retry-After`. Responses carry the `RateLimit-*` headers of draft-ietf-httpapi-ratelimit-headers-06.

A page must not wait for a round trip to Redis to be counted. So a process takes tokens in batches
and spends them locally. All processes together never take more tokens than the bucket has. Other
processes can't use the tokens that this one took and doesn't spend, until the bucket has refilled.
"""

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from common.addresses import without_port
from common.http.authentication import find_viewer_id
from common.redis.buckets import Bucket, Rate, take

if TYPE_CHECKING:
    from common.http.views import APIView

# The size of a batch: at most this many tokens, and at most a twentieth of the bucket, so that
# several processes get a fair share.
_MAX_BATCH = 100
_BATCHES_IN_BUCKET = 20
# Owners whose tokens a process holds, some 500 bytes each.
_MAX_OWNERS = 10_000

# The rate of a /48 network is that of this many addresses.
_ADDRESSES_IN_NETWORK = 10

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of counting one request."""

    rate: Rate
    left: int
    full_in: int  # seconds, rounded up
    wait: int  # seconds, rounded up; 0 if the request may pass

    def headers(self) -> Mapping[str, str]:
        headers = {
            "RateLimit-Limit": str(self.rate.tokens),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.full_in),
            "RateLimit-Policy": f"{self.rate.tokens};w={self.rate.seconds}",
        }
        return headers | {"Retry-After": str(self.wait)} if self.wait else headers


class _OwnerTokens:
    """Tokens that this process took from one owner's bucket."""

    __slots__ = ("expire_at", "full_at", "left", "tokens", "wait_until")

    def __init__(self) -> None:
        self.tokens = 0
        self.expire_at = 0.0  # the bucket would be full again without us
        self.left = 0  # tokens in the bucket
        self.full_at = 0.0
        self.wait_until = 0.0  # the bucket has no token before


class LocalTokens:
    """Tokens that this process took from the buckets and has not spent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owners: OrderedDict[tuple[str, str], _OwnerTokens] = OrderedDict()

    def spend(self, scope: str, owner: str, rate: Rate) -> Verdict:
        """Spends a token, if there is one. Asks Redis only when the batch is used up."""
        now = time.monotonic()
        with self._lock:
            held = self._find(scope, owner)
            if held.tokens and now < held.expire_at:
                held.tokens -= 1
                return _judge(held, rate, now)
            if now < held.wait_until:
                return _judge(held, rate, now)
        taken = take([Bucket(scope, owner, rate)], _batch_size(rate))
        with self._lock:
            if now >= held.expire_at:
                held.tokens = 0
            held.left, held.full_at = taken.left[0], now + taken.full_in[0]
            if taken.tokens:
                held.tokens += taken.tokens - 1
                held.expire_at = now + rate.seconds
                held.wait_until = 0.0
            else:
                held.wait_until = now + taken.wait
            return _judge(held, rate, now)

    def forget(self) -> None:
        """Restores the state of a new process. Tests use it."""
        self._owners.clear()

    def _find(self, scope: str, owner: str) -> _OwnerTokens:
        held = self._owners.get((scope, owner))
        if held is None:
            held = self._owners[scope, owner] = _OwnerTokens()
            if len(self._owners) > _MAX_OWNERS:
                self._owners.popitem(last=False)
        else:
            self._owners.move_to_end((scope, owner))
        return held


def _batch_size(rate: Rate) -> int:
    return max(1, min(_MAX_BATCH, rate.tokens // _BATCHES_IN_BUCKET))


def _judge(held: _OwnerTokens, rate: Rate, now: float) -> Verdict:
    wait = held.wait_until - now
    full_in = max(0, math.ceil(held.full_at - now))
    return Verdict(rate, held.left + held.tokens, full_in, max(0, math.ceil(wait)))


local_tokens = LocalTokens()


@cache
def rate_of(scope: str) -> Rate | None:
    """None if the scope has no limit."""
    text: str | None = settings.RATES[scope]
    return Rate.parse(text) if text else None


def count_address(scope: str, address: str) -> Verdict | None:
    """Counts a request by its address and its /48 network. Returns None if there is no limit."""
    rate = rate_of(scope)
    if rate is None:
        return None
    verdict = local_tokens.spend(scope, address, rate)
    network = surrounding_network(address)
    if network is None or verdict.wait:
        return verdict
    of_network = local_tokens.spend(scope, network, network_rate(rate))
    return of_network if of_network.wait else verdict


def client_address(request: HttpRequest | Request) -> str:
    """The client's address, as our outermost proxy saw it. For IPv6, its /64 network.

    A client with one IPv6 address has all 2^64 of its network, and often those of the /48 network:
    see `surrounding_network`.
    """
    proxies: int = settings.NUM_PROXIES
    address: str = request.META.get("REMOTE_ADDR", "")
    forwarded: str | None = request.META.get("HTTP_X_FORWARDED_FOR") if proxies else None
    if forwarded:
        hops = forwarded.split(",")
        address = without_port(hops[-min(proxies, len(hops))].strip())  # some proxies add the port
    return _network(address)


@lru_cache(4096)
def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return f"?{address[:64]}"
    if parsed.version == 4:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return _ipv6_network(int(parsed), 64)


@lru_cache(4096)
def surrounding_network(address: str) -> str | None:
    """The /48 network of an IPv6 `client_address`, which holds 65,536 of them. None for IPv4.

    Some sites get a whole /48 and some providers put many customers into one, so `network_rate`
    limits it separately.
    """
    if address.startswith("?") or not address.endswith("/64"):
        return None
    return _ipv6_network(int(ipaddress.IPv6Network(address).network_address), 48)


def network_rate(rate: Rate) -> Rate:
    """The rate of a /48 network whose addresses have `rate` each."""
    return Rate(rate.tokens * _ADDRESSES_IN_NETWORK, rate.seconds)


def _ipv6_network(address: int, prefix: int) -> str:
    rest = 128 - prefix
    return str(ipaddress.IPv6Network((address >> rest << rest, prefix)))


class Throttle(BaseThrottle):
    """Counts by user and kind of route, or by address without a token."""

    _verdict: Verdict | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:  # type: ignore[override]
        method = request.method or ""
        rates: Mapping[str, str] = getattr(view, "rates", {})
        scope = rates.get(method) or ("read" if method in _READS else "write")
        rate = rate_of(scope)
        if rate is None:
            return True
        owner = _find_owner(request, view)
        if owner is None:
            self._verdict = count_address(scope, client_address(request))
        else:
            self._verdict = local_tokens.spend(scope, owner, rate)
        view.verdict = self._verdict
        return not (self._verdict and self._verdict.wait)

    def wait(self) -> float | None:
        return self._verdict.wait if self._verdict else None


def _find_owner(request: Request, view: "APIView") -> str | None:
    """The viewer, or the user that the view's `find_owner` names. None if neither is known."""
    named: str | None = view.find_owner(request) if hasattr(view, "find_owner") else None
    if named is not None:
        return named
    viewer_id = find_viewer_id(request)
    return None if viewer_id is None else str(viewer_id)
