"""`make test`: all tests on the real servers and, at the same time, unit tests on embedded parts.

Starts the four servers unless they are running, reports the combined coverage, and stops the
servers that it started, even after a failure or an interrupt.
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
    # tests/chaos starts its own servers
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
        help="do not start or stop the servers: they are running",
    )
    arguments = parser.parse_args()

    raise_on_interrupts()
    starts_servers = False
    try:
        if not arguments.no_services and run([*SERVICES, "status"], is_quiet=True) != 0:
            if run([*SERVICES, "start"]) != 0:
                return 1
            starts_servers = True
        return test()
    except Interrupted as error:
        return error.exit_status
    finally:
        if starts_servers:
            ignore_interrupts()
            run([*SERVICES, "stop"])


def test() -> int:
    """Both runs at the same time. Their output follows one after the other."""
    data = {parts: ROOT / f".coverage.{parts}" for parts in RUNS}
    with tempfile.TemporaryFile() as output:
        embedded_run = start(RUNS["embedded"], coverage=data["embedded"], output=output)
        try:
            print("\ntests on the real servers", flush=True)
            real = wait(start(RUNS["real"], coverage=data["real"]))
            print("\ntests on embedded parts", flush=True)
            embedded = wait(embedded_run)
        except Interrupted as error:
            embedded_run.send_signal(error.number)
            embedded_run.wait()
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
    """In its own session, so that an interrupt reaches it once, from this process."""
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
