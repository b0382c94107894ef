"""Start, stop, restart, status, logs and forget: what `python -m deploy.stack` does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deploy.local import ports
from deploy.local.conditions import wait_until
from deploy.local.errors import DeployError
from deploy.local.interrupts import Interrupted, delayed_interrupts
from deploy.local.processes import ROOT
from deploy.local.recorded import Process, find_recorded, identify
from deploy.services import packages
from deploy.stack import data, pgbouncer
from deploy.stack.environment import Options, make_environment
from deploy.stack.readiness import readiness_check
from deploy.stack.supervision import Supervisor
from deploy.stack.topology import (
    PORTS_OF_KEPT,
    Program,
    list_programs,
    name_databases,
)

START_SECONDS = 180
RESTART_SECONDS = 60
STOP_SECONDS = 60
# A gRPC client reconnects to a restarted server within 2 s; the other copy restarts only then.
RECONNECT_SECONDS = 3.0
# Programs that a rolling restart replaces at the same time, each of another kind.
KINDS_AT_A_TIME = 3


class Stack:
    def __init__(self, name: str, redis_db: int) -> None:
        self.name = name
        self.redis_db = redis_db
        self.folder = ROOT / ".services" / name
        self.record = self.folder / "stack.json"
        self.supervisor = Supervisor(self.folder)
        self._state = self.folder / "state.json"

    def start(
        self,
        *,
        topology: str,
        chosen: dict[str, int],
        has_rate_limits: bool,
        has_background: bool,
        has_demo: bool,
        starts_servers: bool,
    ) -> None:
        """Runs until a signal or `stop` ends it."""
        if find_recorded(self.record):
            raise DeployError("it is running already: stop it with `make stack-stop`")
        self.folder.mkdir(parents=True, exist_ok=True)
        own = Process(pid=os.getpid(), identity=identify(os.getpid()) or "")
        self.record.write_text(json.dumps({"pid": own.pid, "identity": own.identity}))
        try:
            _refuse_taken_ports(chosen)
            for proxy in packages.PROXIES:
                packages.require(proxy, log=self.folder / "install.log")
            if starts_servers:
                _start_servers()
            options = Options(
                name=self.name,
                folder=self.folder,
                topology=topology,
                redis_db=self.redis_db,
                has_rate_limits=has_rate_limits,
            )
            direct = make_environment(options, chosen)
            self._prepare(topology, direct, has_demo=has_demo)
            pooled = pgbouncer.through_pgbouncer(direct, chosen["PGBOUNCER"])
            pgbouncer.configure(self.folder, chosen["PGBOUNCER"])
            self._keep_state(pooled, chosen)
            programs = [
                program
                for program in list_programs(topology, chosen, str(self.folder))
                if has_background or not program.is_background
            ]
            self._supervise(programs, direct, pooled, chosen)
        finally:
            self.record.unlink()

    def _prepare(self, topology: str, environment: dict[str, str], *, has_demo: bool) -> None:
        databases = set(name_databases(topology, self.name).values())
        print_line(f"preparing {', '.join(sorted(databases))} ...")
        data.create(self.name, databases)
        _manage("migrate_databases", environment, "--verbosity", "0")
        _manage("collectstatic", environment, "--no-input", "--verbosity", "0")
        if has_demo:
            _manage("seed_demo", environment, "--verbosity", "0")

    def _keep_state(self, environment: dict[str, str], chosen: dict[str, int]) -> None:
        """For other commands. The environment holds secrets."""
        self._state.touch(mode=0o600)
        self._state.write_text(json.dumps({"environment": environment, "ports": chosen}))

    def read_environment(self) -> dict[str, str]:
        """The variables that all programs but the relay share."""
        environment: dict[str, str] = self._read_state()["environment"]
        return environment

    def _read_ports(self) -> dict[str, int]:
        chosen: dict[str, int] = self._read_state()["ports"]
        return chosen

    def _read_state(self) -> Any:
        return json.loads(self._state.read_text())

    def _supervise(
        self,
        programs: Sequence[Program],
        direct: dict[str, str],
        pooled: dict[str, str],
        chosen: dict[str, int],
    ) -> None:
        environments = {
            program.name: _environment_of(program, direct, pooled) for program in programs
        }
        supervisord = self.supervisor.start(programs, environments)
        try:
            try:
                for program in programs:
                    self._wait_until_ready(program.name, chosen, START_SECONDS, supervisord)
            except DeployError as error:
                if supervisord.poll() is None:
                    print_line(f"stack: {error}; stop it with `make stack-stop`")
            else:
                print_line(f"\nReady: http://127.0.0.1:{chosen['PORT']}. Ctrl-C stops.")
                print_line(f"Logs: {self.supervisor.logs} (`make stack-logs` follows them)")
            self.supervisor.wait(supervisord)
        except Interrupted:
            pass
        finally:
            with delayed_interrupts():
                supervisord.terminate()
                supervisord.wait()

    def stop(self) -> None:
        process = self._find()
        if process is None:
            print_line("it is not running")
            return
        process.send(signal.SIGTERM)
        try:
            wait_until(lambda: not process.is_alive(), STOP_SECONDS)
        except TimeoutError:
            message = f"pid {process.pid} did not end within {STOP_SECONDS} s"
            raise DeployError(message) from None
        print_line("stopped")

    def restart(self, names: Sequence[str]) -> None:
        """Restarts the programs of a kind one after the other, each when the last one is ready."""
        self._require_running()
        running = sorted(self.supervisor.pids())
        chosen = names or [name for name in running if name not in PORTS_OF_KEPT]
        if unknown := set(chosen) - set(running):
            raise DeployError(f"no such program: {', '.join(sorted(unknown))}")
        kinds: dict[str, list[str]] = {}
        for name in chosen:
            kinds.setdefault(name.rstrip("_0123456789"), []).append(name)
        with ThreadPoolExecutor(KINDS_AT_A_TIME) as pool:
            try:
                for _ in pool.map(self._restart_each, kinds.values()):
                    pass
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _restart_each(self, names: Sequence[str]) -> None:
        chosen = self._read_ports()
        for name in names:
            before = time.monotonic()
            self.supervisor.stop_program(name)
            self.supervisor.start_program(name)
            self._wait_until_ready(name, chosen, RESTART_SECONDS)
            if "_grpc_" in name:
                time.sleep(RECONNECT_SECONDS)
            print_line(f"{name:<16} restarted in {time.monotonic() - before:.1f} s")

    def _wait_until_ready(
        self,
        name: str,
        chosen: dict[str, int],
        seconds: float,
        supervisord: subprocess.Popen[bytes] | None = None,
    ) -> None:
        is_ready = readiness_check(name, chosen)

        def is_ready_or_lost() -> bool:
            if supervisord is not None and supervisord.poll() is not None:
                raise DeployError(f"supervisord ended: see {self.supervisor.logs}")
            return is_ready()

        try:
            wait_until(is_ready_or_lost, seconds, poll_seconds=0.1)
        except TimeoutError:
            log = self.supervisor.logs / f"{name}.log"
            raise DeployError(f"{name} is not ready after {seconds:.0f} s: see {log}") from None

    def status(self) -> None:
        self._require_running()
        for name, state in self.supervisor.states().items():
            print_line(f"{name:<18} {state}")

    def show_logs(self) -> None:
        logs = sorted(str(path) for path in self.supervisor.logs.glob("*.log"))
        if not logs:
            raise DeployError("there are no logs: start it with `make stack`")
        os.execvp("tail", ["tail", "-n", "20", "-F", *logs])

    def forget(self) -> None:
        if self._find():
            raise DeployError("it is running: stop it with `make stack-stop` first")
        data.drop(self.name, self.redis_db)

    def _find(self) -> Process | None:
        return find_recorded(self.record)

    def _require_running(self) -> None:
        if self._find() is None:
            raise DeployError("it is not running: start it with `make stack`")


def _refuse_taken_ports(chosen: dict[str, int]) -> None:
    for name, port in chosen.items():
        if ports.is_taken(port):
            listener = ports.describe_listener(port)
            raise DeployError(f"{name.lower()}: port {port} is taken by {listener}")


def _start_servers() -> None:
    services = [sys.executable, "-m", "deploy.services"]
    status = subprocess.run([*services, "status"], cwd=ROOT, capture_output=True, check=False)
    if status.returncode == 0:
        return
    if subprocess.run([*services, "start"], cwd=ROOT, check=False).returncode != 0:
        raise DeployError("the servers did not start: see above")


def _manage(command: str, environment: dict[str, str], *options: str) -> None:
    words = [sys.executable, "manage.py", command, *options]
    if subprocess.run(words, cwd=ROOT, env=environment, check=False).returncode != 0:
        raise DeployError(f"`manage.py {command}` failed: see above")


def _environment_of(
    program: Program, direct: dict[str, str], pooled: dict[str, str]
) -> dict[str, str]:
    environment = direct if program.listens_for_notifications else pooled
    if not program.signs_tokens:
        environment = environment | {"JWT_SIGNING_KEY": "none"}
    return environment | program.environment


def print_line(line: str) -> None:
    print(line, flush=True)
