#!/usr/bin/env python3
"""Every test: `make test`.

Starts the four servers unless they run already, tests on them, tests what has no need of them again
on embedded parts, and reports the coverage of both. Whatever happens, servers that were started
here are stopped.
"""

import argparse
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
SERVICES = [sys.executable, str(ROOT / "deploy/services/services.py")]
PYTEST = [sys.executable, "-m", "pytest"]
RUNS = {
    "on the real servers": ["--ds", "settings.test", "--cov", "--cov-report="],
    "on embedded parts": [
        "--ds", "settings.test_embedded", "tests/unit", "--cov", "--cov-append", "--cov-report=term"
    ],
}  # fmt: skip

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def main() -> int:
    parser = argparse.ArgumentParser(prog="test.py", description=__doc__)
    parser.add_argument(
        "--no-services",
        action="store_true",
        help="the servers run already, and somebody else looks after them",
    )
    arguments = parser.parse_args()

    for number in INTERRUPTS:
        signal.signal(number, interrupt)
    is_ours = False
    try:
        if not arguments.no_services and run([*SERVICES, "status"], is_quiet=True) != 0:
            if run([*SERVICES, "start"]) != 0:
                return 1
            is_ours = True
        statuses = [test(place, options) for place, options in RUNS.items()]
        return max(statuses)
    except Interrupted as error:
        return 128 + error.number
    finally:
        if is_ours:
            for number in INTERRUPTS:
                signal.signal(number, signal.SIG_IGN)
            run([*SERVICES, "stop"])


def test(place: str, options: Sequence[str]) -> int:
    print(f"\ntests {place}", flush=True)
    return run([*PYTEST, *options])


def run(command: Sequence[str], *, is_quiet: bool = False) -> int:
    """In a session of its own, so that an interrupt reaches it once and from here."""
    output = subprocess.DEVNULL if is_quiet else None
    interrupted: Interrupted | None = None
    status: int | None = None
    process = subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=output, stderr=output
    )
    while status is None:
        try:
            status = process.wait()
        except Interrupted as error:
            interrupted = error
            process.send_signal(error.number)
    if interrupted:
        raise interrupted
    return status


def interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)


if __name__ == "__main__":
    sys.exit(main())
