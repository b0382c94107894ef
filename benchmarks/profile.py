"""Flame graphs of the processes that do a row's work, while they do it."""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.harness import Contest

PROFILES = Path(__file__).parent / "profiles"
# What can be profiled, and the row that makes its load.
TARGETS = {"feed": "feed", "post": "post", "fanout": "worker"}
_SECONDS = 15
_SAMPLES_A_SECOND = 500


class NoProfile(Exception):
    """Says in one line why."""


def record(target: str, contest: Contest) -> list[Path]:
    """One flame graph for each process, with the processes that it has forked."""
    PROFILES.mkdir(exist_ok=True)
    contest.ours()  # warm
    paths = [PROFILES / f"{target}-{number}.svg" for number in range(len(contest.pids))]
    profilers = [_start(pid, path) for pid, path in zip(contest.pids, paths, strict=True)]
    ends = time.monotonic() + _SECONDS
    while time.monotonic() < ends:
        contest.ours()
    for profiler in profilers:
        _, complaint = profiler.communicate()
        if profiler.returncode != 0:
            raise NoProfile(f"py-spy: {complaint.splitlines()[-1]}")
    return paths


def _start(pid: int, path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [
            str(Path(sys.executable).with_name("py-spy")), "record", "--subprocesses",
            "--pid", str(pid), "--duration", str(_SECONDS), "--rate", str(_SAMPLES_A_SECOND),
            "--output", str(path),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
