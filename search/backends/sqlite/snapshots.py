"""Ranked hits kept for the next page. They stay in this process and end with it."""

import secrets
import threading
import time
from collections import OrderedDict
from typing import NamedTuple

from search.backends.sqlite.hits import Ranked
from search.index import expired

MAX_SNAPSHOTS = 100
SNAPSHOT_SECONDS = 120.0


class _Snapshot(NamedTuple):
    expires_at: float
    ranked: Ranked


class Snapshots:
    """Each use of a snapshot extends its expiry. Above `MAX_SNAPSHOTS` the least recently used
    ones are dropped.
    """

    def __init__(self) -> None:
        self._snapshots: OrderedDict[str, _Snapshot] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, ranked: Ranked) -> str:
        """Returns the snapshot's name."""
        name = secrets.token_urlsafe(8)
        with self._lock:
            self._put(name, ranked)
            while len(self._snapshots) > MAX_SNAPSHOTS:
                self._snapshots.popitem(last=False)
        return name

    def get(self, name: str) -> Ranked:
        """Raises `Malformed` if the snapshot has expired."""
        with self._lock:
            found = self._snapshots.pop(name, None)
            if found is None or found.expires_at < time.monotonic():
                raise expired()
            self._put(name, found.ranked)
        return found.ranked

    def clear(self) -> None:
        with self._lock:
            self._snapshots.clear()

    def _put(self, name: str, ranked: Ranked) -> None:
        self._snapshots[name] = _Snapshot(time.monotonic() + SNAPSHOT_SECONDS, ranked)
