#!/usr/bin/env python3
"""The whole system as many processes on the servers of `make services`, behind one address.

A topology is a Procfile, what the proxy sends where, and the databases:

  one        all four services in one web process
  services   each service's web in processes of its own
  databases  the same, and each service on a database of its own

PgBouncer lends connections to PostgreSQL by transaction to everybody but the relay. The stack has
databases, a virtual host, an index and a Redis database of its own; they stay there between starts.
A process that ends is started again. Production's settings, with secrets drawn at the first start;
plain HTTP, on loopback alone.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import grpc
import psycopg2
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc
from honcho.environ import parse_procfile

from deploy.local import ports
from deploy.local.errors import DeployError
from deploy.local.interrupts import Interrupted, raise_on_interrupts
from deploy.local.recorded import Process, find_recorded, identify
from deploy.services import packages, servers
from deploy.stack import pgbouncer
from deploy.stack.keeping import KeepingManager
from twitter_project.settings.local_keys import keys

ROOT = Path(__file__).resolve().parents[2]

HERE = Path(__file__).parent
AT = servers.OF_TESTS
SERVICES = ("accounts", "tweets", "feed", "search")
TOPOLOGIES = {"one": "one", "services": "services", "databases": "services"}  # whose Procfile

START_SECONDS = 180
RESTART_SECONDS = 60
STOP_SECONDS = 30
# A client tries a gRPC server that was away again after 2 s at most: then it knows both.
RECONNECTED_SECONDS = 3.0

# The processes that serve accounts by HTTP, and so sign tokens, by how their names begin.
SIGNING = ("web_1", "web_2", "web_accounts", "web_pages")

# Of a rolling restart, side by side.
KINDS_AT_A_TIME = 3

# What goes on through a rolling restart, as the servers do, by the names of their ports.
NOT_RESTARTED = {"proxy": "PORT", "pgbouncer": "PGBOUNCER"}

_WEBS = [
    f"WEB{of}_{copy}"
    for of in ("", "_ACCOUNTS", "_TWEETS", "_FEED", "_SEARCH", "_PAGES")
    for copy in (1, 2)
]


class Stack:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.name: str = options.name
        self.folder = ROOT / ".services" / self.name
        self.record = self.folder / "stack.json"
        self.pids = self.folder / "pids"
        self.state = self.folder / "state.json"

    def start(self) -> int:
        if find_recorded(self.record):
            raise DeployError("it runs already: `make stack-stop` ends it")
        for folder in (self.folder, self.pids):
            folder.mkdir(parents=True, exist_ok=True)
        for left in self.pids.iterdir():
            left.unlink()
        own = Process(pid=os.getpid(), identity=identify(os.getpid()) or "")
        self.record.write_text(json.dumps({"pid": own.pid, "identity": own.identity}))
        try:
            return self._run()
        finally:
            self.record.unlink()

    def _run(self) -> int:
        chosen = self._choose_ports()
        for name, port in chosen.items():
            if ports.is_taken(port):
                who = ports.describe_listener(port)
                raise DeployError(f"port {port}, which {name.lower()} needs, is taken by {who}")
        for proxy in packages.PROXIES:
            packages.require(proxy, log=self.folder / "install.log")
        self._need_servers()
        direct = self._environment(chosen)
        pooled = pgbouncer.go_through(direct, chosen["PGBOUNCER"])
        self.state.touch(mode=0o600)  # secrets are among it
        self.state.write_text(json.dumps(pooled))
        self._prepare(direct)
        pgbouncer.configure(self.folder, chosen["PGBOUNCER"])

        procfile = parse_procfile((HERE / f"Procfile.{self._layout}").read_text())
        commands: dict[str, str] = procfile.processes
        if self.options.no_workers:
            commands = {name: of for name, of in commands.items() if not is_behind(name)}
        manager = KeepingManager(
            pids=self.pids,
            on_start=lambda: self._say_when_ready(list(commands)),
            last="pgbouncer",
        )
        for name, command in commands.items():
            # A connection that is lent by transaction hears no wake-ups.
            environment = direct if name == "relay" else pooled
            if not name.startswith(SIGNING):
                environment = environment | {"JWT_SIGNING_KEY": "none"}
            manager.add_process(name, command, env=environment, cwd=str(ROOT))
        manager.loop()
        return 0 if manager.returncode in (130, 143) else int(manager.returncode or 0)

    @property
    def _layout(self) -> str:
        return TOPOLOGIES[self.options.topology]

    def _choose_ports(self) -> dict[str, int]:
        """By the names under which the Procfiles know them."""
        first, rpc = self.options.port, self.options.grpc_port
        chosen = {"PORT": first, "PROXY_ADMIN": first + 100, "PGBOUNCER": first + 99}
        chosen |= {name: first + 101 + place for place, name in enumerate(_WEBS)}
        for copy in (1, 2):
            chosen[f"ACCOUNTS_GRPC_{copy}"] = rpc + 10 * (copy - 1)
            chosen[f"TWEETS_GRPC_{copy}"] = rpc + 10 * (copy - 1) + 1
        return chosen

    def _need_servers(self) -> None:
        if self.options.no_services:
            return
        services = [sys.executable, "-m", "deploy.services"]
        if (
            subprocess.run(
                [*services, "status"], cwd=ROOT, capture_output=True, check=False
            ).returncode
            == 0
        ):
            return
        if subprocess.run([*services, "start"], cwd=ROOT, check=False).returncode != 0:
            raise DeployError("the servers do not run: see above")

    def _environment(self, chosen: dict[str, int]) -> dict[str, str]:
        secrets = keys(self.folder / "keys.json")
        user, place = f"{servers.USER}:{servers.PASSWORD}", ports.LOOPBACK
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "twitter_project.settings.prod",
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": self._database_url(self.databases[0]),
            "REDIS_URL": self._redis_url,
            "RABBITMQ_URL": f"amqp://{user}@{place}:{AT.rabbitmq}/{self.name}",
            "ELASTICSEARCH_URL": f"http://{place}:{AT.elasticsearch}",
            "ELASTICSEARCH_INDEX": f"{self.name}-tweets",
            "SECRET_KEY": secrets["secret_key"],
            "JWT_SIGNING_KEY": secrets["signing_key"],
            "JWT_VERIFYING_KEY": secrets["verifying_key"],
            "GRPC_TOKEN_KEYS": hashlib.sha256(f"grpc {secrets['secret_key']}".encode()).hexdigest(),
            "ALLOWED_HOSTS": "127.0.0.1,localhost",
            "SECURE_SSL_REDIRECT": "false",
            "NUM_PROXIES": "1",
            "PROXY_HEADERS": "forwarded",
            "RATE_LIMITS": "false" if self.options.no_rate_limits else "true",
        }
        if self.options.topology == "databases":
            for service, database in zip(SERVICES, self.databases, strict=True):
                environment[f"{service.upper()}_DATABASE_URL"] = self._database_url(database)
        for service, variable in {"ACCOUNTS": "USERS_GRPC", "TWEETS": "TWEETS_GRPC"}.items():
            both = [f"{place}:{chosen[f'{service}_GRPC_{copy}']}" for copy in (1, 2)]
            environment[variable] = f"ipv4:{','.join(both)}"
        return environment | {name: str(port) for name, port in chosen.items()}

    @property
    def databases(self) -> list[str]:
        if self.options.topology == "databases":
            return [f"{self.name}_{service}" for service in SERVICES]
        return [self.name]

    def _database_url(self, name: str) -> str:
        user, port = f"{servers.USER}:{servers.PASSWORD}", AT.postgres
        return f"postgres://{user}@{ports.LOOPBACK}:{port}/{name}"

    @property
    def _redis_url(self) -> str:
        return f"redis://{ports.LOOPBACK}:{AT.redis}/{self.options.redis_db}"

    def _prepare(self, environment: dict[str, str]) -> None:
        say(f"preparing {', '.join(self.databases)} ...")
        with postgres() as cursor:
            cursor.execute("SELECT datname FROM pg_database")
            there = {name for (name,) in cursor.fetchall()}
            for name in self.databases:
                if name not in there:
                    cursor.execute(f'CREATE DATABASE "{name}"')
        ask_rabbitmq("PUT", f"/api/vhosts/{self.name}")
        self._manage("migrate_databases", environment, "--verbosity", "0")
        self._manage("collectstatic", environment, "--no-input", "--verbosity", "0")
        if not self.options.no_demo:
            self._manage("seed_demo", environment, "--verbosity", "0")

    def _manage(self, command: str, environment: dict[str, str], *options: str) -> None:
        words = [sys.executable, "manage.py", command, *options]
        if subprocess.run(words, cwd=ROOT, env=environment, check=False).returncode != 0:
            raise DeployError(f"`manage.py {command}` failed: its own words are above")

    def _say_when_ready(self, names: list[str]) -> None:
        try:
            for name in names:
                self._wait_until_ready(name, START_SECONDS)
        except DeployError as error:
            say(f"stack: {error}; `make stack-stop` ends it")
            return
        port = self.options.port
        say(f"Ready: http://127.0.0.1:{port} (topology {self.options.topology}). Ctrl-C stops.")

    def stop(self) -> int:
        process = find_recorded(self.record)
        if process is None:
            say("it does not run")
            return 0
        process.send(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while process.is_alive():
            if time.monotonic() > deadline:
                raise DeployError(f"pid {process.pid} did not end within {STOP_SECONDS} s")
            time.sleep(0.05)
        say("stopped")
        return 0

    def restart(self) -> int:
        """The processes of a kind one after the other, each when the one before is ready again."""
        if find_recorded(self.record) is None:
            raise DeployError("it does not run: `make stack` starts it")
        running = sorted(path.stem for path in self.pids.glob("*.pid"))
        chosen = self.options.names or [name for name in running if name not in NOT_RESTARTED]
        if unknown := set(chosen) - set(running):
            raise DeployError(f"no such process: {', '.join(sorted(unknown))}")
        kinds: dict[str, list[str]] = {}
        for name in chosen:
            kinds.setdefault(name.rstrip("_0123456789"), []).append(name)
        with ThreadPoolExecutor(KINDS_AT_A_TIME) as pool:
            try:
                for _ in pool.map(self._restart_all_of, kinds.values()):
                    pass
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return 0

    def _restart_all_of(self, names: Sequence[str]) -> None:
        for name in names:
            before = time.monotonic()
            pid = self._pid(name)
            if pid is None:
                raise DeployError(f"{name} is just being started")
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + RESTART_SECONDS
            while self._pid(name) in (pid, None):
                if time.monotonic() > deadline:
                    raise DeployError(f"{name} did not end within {RESTART_SECONDS} s")
                time.sleep(0.05)
            self._wait_until_ready(name, RESTART_SECONDS)
            if "_grpc_" in name:
                time.sleep(RECONNECTED_SECONDS)
            say(f"{name:<16} restarted in {time.monotonic() - before:.1f} s")

    def _wait_until_ready(self, name: str, seconds: float) -> None:
        is_ready = self._find_question(name)
        deadline = time.monotonic() + seconds
        while not (self._pid(name) and is_ready()):
            if time.monotonic() > deadline:
                raise DeployError(f"{name} is not ready after {seconds:.0f} s")
            time.sleep(0.1)

    def _find_question(self, name: str) -> Callable[[], bool]:
        """What tells whether the process does its work."""
        environment = json.loads(self.state.read_text())
        if name.startswith("web_"):
            return lambda: is_up(name, int(environment["PROXY_ADMIN"]))
        if "_grpc_" in name:
            return lambda: is_serving(int(environment[name.upper()]))
        if name in NOT_RESTARTED:
            return lambda: ports.accepts(int(environment[NOT_RESTARTED[name]]))
        return lambda: True  # what waits for it waits in a queue

    def _pid(self, name: str) -> int | None:
        try:
            return int((self.pids / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None

    def forget(self) -> int:
        if find_recorded(self.record):
            raise DeployError("it runs: `make stack-stop` first")
        with postgres() as cursor:
            for name in (self.name, *(f"{self.name}_{service}" for service in SERVICES)):
                cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        ask_rabbitmq("DELETE", f"/api/vhosts/{self.name}")
        index = f"{self.name}-tweets"
        found = ask_elasticsearch(
            "GET", f"/{index},{index}-*?allow_no_indices=true&ignore_unavailable=true"
        )
        for concrete in json.loads(found):
            ask_elasticsearch("DELETE", f"/{concrete}")
        ask_elasticsearch("DELETE", f"/_index_template/{index}")
        with redis.Redis.from_url(self._redis_url) as client:
            client.flushdb()
        return 0


def is_behind(name: str) -> bool:
    """Whether the process takes news to where they belong, and answers nobody."""
    return name == "relay" or "_worker" in name


@contextmanager
def postgres() -> Iterator[psycopg2.extensions.cursor]:
    try:
        connection = psycopg2.connect(
            host=ports.LOOPBACK,
            port=AT.postgres,
            user=servers.USER,
            password=servers.PASSWORD,
            dbname=servers.DATABASE,
        )
    except psycopg2.OperationalError:
        raise DeployError("PostgreSQL does not answer: `make services` starts it") from None
    connection.autocommit = True
    with closing(connection), connection.cursor() as cursor:
        yield cursor


def ask_rabbitmq(method: str, path: str) -> None:
    credentials = base64.b64encode(f"{servers.USER}:{servers.PASSWORD}".encode()).decode()
    ask(AT.rabbitmq_management, method, path, {"Authorization": f"Basic {credentials}"})


def ask_elasticsearch(method: str, path: str) -> bytes:
    return ask(AT.elasticsearch, method, path, {})


def ask(port: int, method: str, path: str, headers: dict[str, str]) -> bytes:
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=30)
    with closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
    if answer.status >= 400 and (method, answer.status) != ("DELETE", 404):
        raise DeployError(f"{method} {path} on port {port}: {answer.status} {body.decode()[:200]}")
    return body


def is_up(server: str, admin_port: int) -> bool:
    """Whether the proxy sends requests there."""
    with suppress(OSError):
        with socket.create_connection((ports.LOOPBACK, admin_port), timeout=2) as admin:
            admin.sendall(b"show stat\n")
            table = admin.makefile().read().lstrip("# ").splitlines()
        return any(
            row["svname"] == server and row["status"] == "UP" and row["check_status"] == "L7OK"
            for row in csv.DictReader(table)
        )
    return False


def is_serving(port: int) -> bool:
    with grpc.insecure_channel(f"{ports.LOOPBACK}:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=2
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def say(line: str) -> None:
    print(line, flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.stack",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--name",
        default="stack",
        help="what its databases, virtual host and index are called (stack)",
    )
    parser.add_argument("--redis-db", type=int, default=1, help="its Redis database (1)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    start = commands.add_parser("start", help="start everything, say the address; Ctrl-C stops")
    start.add_argument(
        "--topology", choices=TOPOLOGIES, default="one", help="how it is divided (one)"
    )
    start.add_argument("--port", type=int, default=8000, help="the proxy's port (8000)")
    start.add_argument(
        "--grpc-port", type=int, default=50051, help="the first gRPC server's port (50051)"
    )
    start.add_argument(
        "--no-services", action="store_true", help="somebody else looks after the servers"
    )
    start.add_argument("--no-demo", action="store_true", help="no demo data")
    start.add_argument(
        "--no-workers", action="store_true", help="neither relay nor workers: somebody else is both"
    )
    start.add_argument("--no-rate-limits", action="store_true", help="for load tests")
    commands.add_parser("stop", help="stop what start started; data stays")
    restart = commands.add_parser(
        "restart", help="restart the processes of each kind one after the other: no request fails"
    )
    restart.add_argument(
        "names", nargs="*", help="which, as in the Procfile (all but the proxy and PgBouncer)"
    )
    commands.add_parser("forget", help="throw the data away")
    return parser.parse_args()


def main() -> int:
    options = read_options()
    stack = Stack(options)
    raise_on_interrupts()
    try:
        run: Callable[[], int] = getattr(stack, options.command)
        return run()
    except Interrupted as error:
        print(f"stack: {error}", file=sys.stderr)
        return error.exit_status
    except (DeployError, OSError) as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
