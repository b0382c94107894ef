"""Types for commands' options. Nonsense is refused in one line that names the option."""

import argparse
import re

_MOST_SECONDS = 3600
MAX_PORT = 65535


def port(text: str) -> int:
    """0 means any that is free."""
    return _integer(text, 0, MAX_PORT)


def count(text: str) -> int:
    """At least one, of what fits into memory."""
    return _integer(text, 1, 1_000_000)


def seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= _MOST_SECONDS:  # nan is not, either
        raise argparse.ArgumentTypeError(f"between 0 and {_MOST_SECONDS} seconds, not {text!r}")
    return found


def has_port(place: str) -> bool:
    """Whether `HOST:PORT` ends in a port that exists."""
    found = re.search(r":([0-9]{1,5})$", place)
    return found is not None and int(found[1]) <= MAX_PORT


def _integer(text: str, lowest: int, highest: int) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
        raise argparse.ArgumentTypeError(f"a number from {lowest} to {highest}, not {text!r}")
    return int(text)
