"""`python3 -m deploy.services`: the command line of `make services`."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy.local.errors import DeployError
from deploy.local.interrupts import Interrupted, raise_on_interrupts
from deploy.services import lifecycle

DESCRIPTION = """\
Runs the four servers that the tests need, on 127.0.0.1 and on ports of their own:

  PostgreSQL     5433   user test, password test, database test_db
  Redis          6380
  RabbitMQ       5673   user test, password test; management on 15673
  Elasticsearch  9201   8.11.0, no password

Uses docker-compose.test.yml if a Docker engine answers; otherwise Debian's packages, and
Maven Central for Elasticsearch. Data and logs stay in .services/; Redis starts empty.
Run it in the root of the repository.
"""

COMMANDS: dict[str, tuple[Callable[[], None], str]] = {
    "start": (
        lifecycle.start,
        "install what is missing, start the servers that are down, wait until all are ready",
    ),
    "stop": (lifecycle.stop, "stop the servers that start started; keeps their data"),
    "status": (lifecycle.status, "ask each server whether it is ready; exit 1 unless all are"),
    "install": (lifecycle.install, "install what is missing and start nothing"),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m deploy.services",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, text) in COMMANDS.items():
        subparsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command, _ = COMMANDS[parser.parse_args().command]

    raise_on_interrupts()
    try:
        _make_folders()
        with _one_at_a_time():
            command()
    except Interrupted as error:
        print(f"services: {error}", file=sys.stderr)
        return error.exit_status
    except (DeployError, OSError) as error:
        print(f"services: {error}", file=sys.stderr)
        return 1
    return 0


def _make_folders() -> None:
    for folder in (lifecycle.DATA, lifecycle.LOGS, lifecycle.RECORDS):
        folder.mkdir(exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise DeployError(f"{folder} belongs to another user: remove it, or run as that user")
        folder.chmod(0o755)  # despite any umask: PostgreSQL's user must be able to enter
    (lifecycle.DATA / "clone").write_text(f"{lifecycle.CLONE}\n")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with (lifecycle.DATA / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lifecycle.print_line("waiting for another start or stop in this clone")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
