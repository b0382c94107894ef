"""The embedded parts of this process, counted by name: of each there must be one.

Two Redis servers or two brokers in one process would each hold a part of the data: feeds would
stand still for good. Settings list how each part is made, before any thread starts; /ready reports
a part that exists twice.
"""

import gc
from collections.abc import Hashable
from weakref import WeakKeyDictionary

_names: WeakKeyDictionary[Hashable, str] = WeakKeyDictionary()


def register(name: str, part: Hashable) -> None:
    """Registering the same object again changes nothing."""
    _names[part] = name


def count(name: str) -> int:
    found = _count(name)
    if found > 1:
        gc.collect()  # a part that nothing uses any more may wait in a reference cycle
        found = _count(name)
    return found


def _count(name: str) -> int:
    return list(_names.values()).count(name)
