"""A flame graph of the process that does a row's work."""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import Comparison

PROFILES = Path(__file__).parent / "profiles"
# The row that loads each target.
TARGETS = {
    "feed": "feed",
    "post": "post",
    "likes": "likes",
    "fanout": "worker",
    "relay": "relay",
    "search": "search",
}
_SECONDS = 15
_SAMPLES_A_SECOND = 500


class NoProfile(Exception):
    """One line: why there is no profile."""


def record(target: str, comparison: Comparison) -> Path:
    """Of the process and its children, under the load of our side alone."""
    PROFILES.mkdir(exist_ok=True)
    path = PROFILES / f"{target}.svg"
    comparison.ours()  # warm up
    profiler = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("py-spy")), "record", "--subprocesses",
            "--pid", str(comparison.pid), "--duration", str(_SECONDS),
            "--rate", str(_SAMPLES_A_SECOND), "--output", str(path),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends:
        comparison.ours()
    _, errors = profiler.communicate()
    if profiler.returncode != 0:
        raise NoProfile(f"py-spy: {errors.strip().splitlines()[-1]}")
    return path
