#!/usr/bin/env python3
"""Every test: `make test`.

Starts the four servers unless they run already, tests on them, tests what has no need of them again
on embedded parts beside that, and reports the coverage of both. Whatever happens, servers that were
started here are stopped.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from deploy.local.interrupts import Interrupted, ignore_interrupts, raise_on_interrupts

ROOT = Path(__file__).resolve().parents[1]
SERVICES = [sys.executable, "-m", "deploy.services"]
PYTEST = [sys.executable, "-m", "pytest"]
RUNS = {
    "real": [*PYTEST, "--ds", "settings.test", "--cov", "--cov-report="],
    # and with them those that have servers of their own
    "embedded": [
        *PYTEST,
        *("--ds", "settings.test_embedded", "tests/unit", "tests/chaos"),
        *("--cov", "--cov-report="),
    ],
}
COVERAGE = [sys.executable, "-m", "coverage"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.test", description=__doc__)
    parser.add_argument(
        "--no-services",
        action="store_true",
        help="the servers run already, and somebody else looks after them",
    )
    arguments = parser.parse_args()

    raise_on_interrupts()
    is_ours = False
    try:
        if not arguments.no_services and run([*SERVICES, "status"], is_quiet=True) != 0:
            if run([*SERVICES, "start"]) != 0:
                return 1
            is_ours = True
        return test()
    except Interrupted as error:
        return error.exit_status
    finally:
        if is_ours:
            ignore_interrupts()
            run([*SERVICES, "stop"])


def test() -> int:
    """Both runs side by side, their output one after the other; then the coverage of both."""
    data = {place: ROOT / f".coverage.{place}" for place in RUNS}
    with tempfile.TemporaryFile() as output:
        beside = start(RUNS["embedded"], coverage=data["embedded"], output=output)
        try:
            print("\ntests on the real servers", flush=True)
            real = wait(start(RUNS["real"], coverage=data["real"]))
            print("\ntests on embedded parts", flush=True)
            embedded = wait(beside)
        except Interrupted as error:
            beside.send_signal(error.number)
            beside.wait()
            raise
        output.seek(0)
        shutil.copyfileobj(output, sys.stdout.buffer)
    run([*COVERAGE, "combine", "--quiet", *map(str, data.values())])
    run([*COVERAGE, "report"])
    return max(real, embedded)


def run(command: Sequence[str], *, is_quiet: bool = False) -> int:
    return wait(start(command, output=subprocess.DEVNULL if is_quiet else None))


def start(
    command: Sequence[str], *, coverage: Path | None = None, output: IO[bytes] | int | None = None
) -> subprocess.Popen[bytes]:
    """In a session of its own, so that an interrupt reaches it once and from here."""
    environment = dict(os.environ)
    if coverage is not None:
        environment["COVERAGE_FILE"] = str(coverage)
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, start_new_session=True, stdout=output, stderr=output
    )


def wait(process: subprocess.Popen[bytes]) -> int:
    interrupted: Interrupted | None = None
    status: int | None = None
    while status is None:
        try:
            status = process.wait()
        except Interrupted as error:
            interrupted = error
            process.send_signal(error.number)
    if interrupted:
        raise interrupted
    return status


if __name__ == "__main__":
    sys.exit(main())
