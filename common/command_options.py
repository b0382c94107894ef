"""Types of command options, for argparse."""

import argparse
import re

_MAX_SECONDS = 3600
MAX_PORT = 65535


def port(text: str) -> int:
    """0 means any free port."""
    return _integer(text, 0, MAX_PORT)


def count(text: str) -> int:
    """1 to 1,000,000, which fits into memory."""
    return _integer(text, 1, 1_000_000)


def seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= _MAX_SECONDS:  # refuses nan, too
        raise argparse.ArgumentTypeError(f"must be 0 to {_MAX_SECONDS} seconds, not {text!r}")
    return found


def has_port(address: str) -> bool:
    """Whether an address ends with `:PORT`, a valid port."""
    found = re.search(r":([0-9]{1,5})$", address)
    return found is not None and int(found[1]) <= MAX_PORT


def _integer(text: str, lowest: int, highest: int) -> int:
    if not re.fullmatch(r"-?[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
        raise argparse.ArgumentTypeError(
            f"must be a number from {lowest} to {highest}, not {text!r}"
        )
    return int(text)
