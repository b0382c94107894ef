"""How often one may ask: each request of a user, or of an address where nobody is signed in, by
the kind of route; and all requests of one address together. Wherever an IPv6 address is limited,
so is the /48 network around it.

The rates are `settings.RATES`; a view names another kind than `read` and `write` in `rates`, by
method. A request that is refused is answered 429 with `Retry-After`, and every one that is counted
tells by `RateLimit-*` (draft-ietf-httpapi-ratelimit-headers-06) how things stand.

A page must not wait for another round trip to Redis just to be counted. So a process takes a
handful of tokens at once and spends them by itself. Never more are spent than the rate allows;
what a process holds and doesn't spend is lost to the others, until the bucket has filled up.
"""

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from common.addresses import without_port
from common.http.authentication import find_viewer_id
from common.redis.buckets import Bucket, Rate, take

if TYPE_CHECKING:  # its class body imports this module
    from rest_framework.views import APIView

# Taken at once: at most this many, and at most this part of the bucket, so that several processes
# share it fairly.
_MOST_HELD = 100
_SHARE = 20
# Owners whose tokens a process holds, some 500 bytes each.
_MOST_OWNERS = 10_000

# As many addresses' rates together are the limit of an IPv6 network of /48.
_ADDRESSES_IN_NETWORK = 10

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one request was counted."""

    rate: Rate
    left: int
    full_in: int  # seconds, rounded up
    wait: int  # seconds, rounded up; 0 where the request may pass

    def headers(self) -> Mapping[str, str]:
        headers = {
            "RateLimit-Limit": str(self.rate.tokens),
            "RateLimit-Remaining": str(self.left),
            "RateLimit-Reset": str(self.full_in),
            "RateLimit-Policy": f"{self.rate.tokens};w={self.rate.seconds}",
        }
        return headers | {"Retry-After": str(self.wait)} if self.wait else headers


class _OwnerTokens:
    """Tokens of one owner that this process holds."""

    __slots__ = ("full_at", "held", "left", "until", "wait_until")

    def __init__(self) -> None:
        self.held = 0
        self.until = 0.0  # when the bucket would be full again without us: then they count no more
        self.left = 0  # in the bucket, besides those held
        self.full_at = 0.0
        self.wait_until = 0.0  # no token before


class LocalTokens:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._purses: OrderedDict[tuple[str, str], _OwnerTokens] = OrderedDict()

    def spend(self, scope: str, owner: str, rate: Rate) -> Verdict:
        now = time.monotonic()
        with self._lock:
            purse = self._find(scope, owner)
            if purse.held and now < purse.until:
                purse.held -= 1
                return _judge(purse, rate, now)
            if now < purse.wait_until:
                return _judge(purse, rate, now)
        taken = take([Bucket(scope, owner, rate)], _handful(rate))
        with self._lock:
            if now >= purse.until:
                purse.held = 0
            purse.left, purse.full_at = taken.left[0], now + taken.full_in[0]
            if taken.tokens:
                purse.held += taken.tokens - 1
                purse.until = now + rate.seconds
                purse.wait_until = 0.0
            else:
                purse.wait_until = now + taken.wait
            return _judge(purse, rate, now)

    def forget(self) -> None:
        """As in a new process: for tests."""
        self._purses.clear()

    def _find(self, scope: str, owner: str) -> _OwnerTokens:
        purse = self._purses.get((scope, owner))
        if purse is None:
            purse = self._purses[scope, owner] = _OwnerTokens()
            if len(self._purses) > _MOST_OWNERS:
                self._purses.popitem(last=False)
        else:
            self._purses.move_to_end((scope, owner))
        return purse


def _handful(rate: Rate) -> int:
    return max(1, min(_MOST_HELD, rate.tokens // _SHARE))


def _judge(purse: _OwnerTokens, rate: Rate, now: float) -> Verdict:
    wait = purse.wait_until - now
    full_in = max(0, math.ceil(purse.full_at - now))
    return Verdict(rate, purse.left + purse.held, full_in, max(0, math.ceil(wait)))


local_tokens = LocalTokens()


@cache
def rate_of(scope: str) -> Rate | None:
    """None where it is not limited."""
    text: str | None = settings.RATES[scope]
    return Rate.parse(text) if text else None


def count_address(scope: str, address: str) -> Verdict | None:
    """Counts a request by its address and by the network around it; None without a limit."""
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
    """Where the request comes from, as the last proxy of ours saw it; of IPv6, the /64 network.

    An owner of one IPv6 address has the 2^64 of its network, and often those of the /48 around it:
    see `surrounding_network`.
    """
    proxies: int = settings.NUM_PROXIES
    address: str = request.META.get("REMOTE_ADDR", "")
    forwarded: str | None = request.META.get("HTTP_X_FORWARDED_FOR") if proxies else None
    if forwarded:
        hops = forwarded.split(",")
        address = without_port(hops[-min(proxies, len(hops))].strip())  # some proxies add one
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
    """The /48 around an IPv6 network of `client_address`, which holds 65,536 such; else None.

    A site usually gets a whole /48, and some providers put many customers into one. So it is
    limited, too, by `network_rate`.
    """
    if address.startswith("?") or not address.endswith("/64"):
        return None
    return _ipv6_network(int(ipaddress.IPv6Network(address).network_address), 48)


def network_rate(rate: Rate) -> Rate:
    """The rate of a /48 in which each address has `rate`."""
    return Rate(rate.tokens * _ADDRESSES_IN_NETWORK, rate.seconds)


def _ipv6_network(address: int, prefix: int) -> str:
    rest = 128 - prefix
    return str(ipaddress.IPv6Network((address >> rest << rest, prefix)))


class Throttle(BaseThrottle):
    """By user and kind of route, or by address where nobody is signed in."""

    _verdict: Verdict | None = None

    def allow_request(self, request: Request, view: "APIView") -> bool:
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
        django_request: Any = request._request
        django_request.verdict = self._verdict  # for the middleware, which sets the headers
        return not (self._verdict and self._verdict.wait)

    def wait(self) -> float | None:
        return self._verdict.wait if self._verdict else None


def _find_owner(request: Request, view: "APIView") -> str | None:
    """The reader, or whom the view names by `find_owner`; None where only the address is known."""
    named: str | None = view.find_owner(request) if hasattr(view, "find_owner") else None
    if named is not None:
        return named
    viewer_id = find_viewer_id(request)
    return None if viewer_id is None else str(viewer_id)
