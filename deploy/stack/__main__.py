"""`python -m deploy.stack`: the command line of `make stack`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from deploy.local.errors import DeployError
from deploy.local.interrupts import Interrupted, raise_on_interrupts
from deploy.stack.lifecycle import Stack
from deploy.stack.topology import TOPOLOGIES, choose_ports

DESCRIPTION = """\
Runs the whole system as many processes behind one address, on the servers of `make services`:

  one        two web processes that serve all services
  services   web processes of its own for each service
  databases  the same, and each service on its own database

All processes but the relay use PostgreSQL through PgBouncer. The stack has its own databases,
virtual host, index and Redis database, which keep their data between starts. supervisord restarts
a process that ends. Settings are production's, with secrets made at the first start; it serves
plain HTTP on loopback only.
"""


def main() -> int:
    options = _parse(sys.argv[1:])
    stack = Stack(options.name, options.redis_db)
    raise_on_interrupts()
    try:
        if options.command == "start":
            stack.start(
                topology=options.topology,
                chosen=choose_ports(options.port, options.grpc_port),
                has_rate_limits=not options.no_rate_limits,
                has_background=not options.no_workers,
                has_demo=not options.no_demo,
                starts_servers=not options.no_services,
            )
        elif options.command == "restart":
            stack.restart(options.names)
        else:
            {
                "stop": stack.stop,
                "status": stack.status,
                "logs": stack.show_logs,
                "forget": stack.forget,
            }[options.command]()
    except Interrupted as error:
        print(f"stack: {error}", file=sys.stderr)
        return error.exit_status
    except (DeployError, OSError) as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.stack",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--name", default="stack", help="names its databases, virtual host and index (stack)"
    )
    parser.add_argument("--redis-db", type=int, default=1, help="its Redis database (1)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_start(commands.add_parser("start", help="start everything in the foreground"))
    commands.add_parser("stop", help="stop everything; keeps the data")
    restart = commands.add_parser(
        "restart", help="restart the processes of each kind one after the other: no request fails"
    )
    restart.add_argument(
        "names", nargs="*", help="processes to restart (all but the proxy and PgBouncer)"
    )
    commands.add_parser("status", help="show each process's state and pid")
    commands.add_parser("logs", help="follow the logs of all processes")
    commands.add_parser("forget", help="delete its data")
    return parser.parse_args(arguments)


def _add_start(start: argparse.ArgumentParser) -> None:
    start.add_argument(
        "--topology", choices=TOPOLOGIES, default="one", help="which processes to run (one)"
    )
    start.add_argument("--port", type=int, default=8000, help="the proxy's port (8000)")
    start.add_argument(
        "--grpc-port", type=int, default=50051, help="the first gRPC server's port (50051)"
    )
    start.add_argument(
        "--no-services", action="store_true", help="do not start the servers: they are running"
    )
    start.add_argument("--no-demo", action="store_true", help="do not add demo data")
    start.add_argument("--no-workers", action="store_true", help="run neither relay nor workers")
    start.add_argument("--no-rate-limits", action="store_true", help="for load tests")


if __name__ == "__main__":
    sys.exit(main())
