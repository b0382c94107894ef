"""Counts the embedded parts of this process. There must be one of each.

Two brokers or two Redis servers in one process would each hold some of the data. So the parts in
`settings.EMBEDDED_PARTS` are created before any thread starts, and /ready reports a second one.
"""

import gc
from collections.abc import Hashable
from weakref import WeakKeyDictionary

_names: WeakKeyDictionary[Hashable, str] = WeakKeyDictionary()


def register(name: str, part: Hashable) -> None:
    """Has no effect if the object is registered already."""
    _names[part] = name


def count(name: str) -> int:
    found = _count(name)
    if found > 1:
        gc.collect()  # an unused part may be in a reference cycle
        found = _count(name)
    return found


def _count(name: str) -> int:
    return list(_names.values()).count(name)
