"""supervisord, which keeps the stack's programs running.

It restarts a program that ends: at once after ten seconds of running, otherwise after a pause that
grows by a second each time. At the end it sends SIGTERM to all programs but PgBouncer, then to
PgBouncer, and SIGKILL after 25 s.
"""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

from supervisor import childutils

from deploy.local.errors import DeployError
from deploy.local.processes import ROOT
from deploy.stack.topology import PGBOUNCER, Program

# A web process drains for 2 s and a gRPC server gives calls 10 s.
_STOP_SECONDS = 25
_STARTED_SECONDS = 10
_LONGEST_SOCKET_PATH = 107

# supervisord stops the groups one after the other, the highest priority first.
_GROUPS = {"database": 1, "system": 2}


class Supervisor:
    """supervisord of one stack, controlled through a socket in the stack's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "supervisor.sock"
        self._configuration = folder / "supervisord.conf"
        self.logs = folder / "log"

    def start(
        self, programs: Sequence[Program], environments: dict[str, dict[str, str]]
    ) -> subprocess.Popen[bytes]:
        """supervisord as a child, in a session of its own: Ctrl-C reaches this process alone."""
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET_PATH:
            raise DeployError(f"{self._socket} is too long for a socket: use a shorter path")
        self.logs.mkdir(exist_ok=True)
        self._write_programs(programs, environments)
        self._write_configuration([program.name for program in programs])
        command = [sys.executable, "-m", "supervisor.supervisord"]
        return subprocess.Popen(
            [*command, "--nodaemon", "--configuration", str(self._configuration)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self, supervisord: subprocess.Popen[bytes]) -> None:
        """Returns when a signal has ended it. Raises if it failed."""
        if code := supervisord.wait():
            raise DeployError(f"supervisord ended with exit code {code}: see {self.logs}")

    def _write_programs(
        self, programs: Sequence[Program], environments: dict[str, dict[str, str]]
    ) -> None:
        """For `run_program`: supervisord's file would need each secret escaped."""
        file = self._folder / "programs.json"
        file.touch(mode=0o600)
        file.write_text(
            json.dumps(
                {
                    program.name: {
                        "command": program.command,
                        "environment": environments[program.name],
                    }
                    for program in programs
                }
            )
        )

    def _write_configuration(self, names: Sequence[str]) -> None:
        made = configparser.RawConfigParser()
        made["supervisord"] = {
            "nodaemon": "true",
            "logfile": str(self.logs / "supervisord.log"),
            "pidfile": str(self._folder / "supervisord.pid"),
            "childlogdir": str(self.logs),
        }
        if os.geteuid() == 0:
            made["supervisord"]["user"] = "root"  # or supervisord warns that it runs as root
        made["unix_http_server"] = {"file": str(self._socket), "chmod": "0600"}
        made["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for group, priority in _GROUPS.items():
            members = [name for name in names if _group_of(name) == group]
            made[f"group:{group}"] = {"programs": ",".join(members), "priority": str(priority)}
        for name in names:
            run = f"{sys.executable} -m deploy.stack.run_program {self._folder} {name}"
            made[f"program:{name}"] = {
                "command": run,
                "directory": str(ROOT),
                "autorestart": "true",
                "startsecs": str(_STARTED_SECONDS),
                "startretries": "1000000",
                "stopsignal": "TERM",
                "stopwaitsecs": str(_STOP_SECONDS),
                # SIGTERM reaches the program alone: it ends its children after their requests.
                "stopasgroup": "false",
                "killasgroup": "true",
                "redirect_stderr": "true",
                "stdout_logfile": str(self.logs / f"{name}.log"),
                "stdout_logfile_maxbytes": "10MB",
                "stdout_logfile_backups": "1",
            }
        with self._configuration.open("w") as file:
            made.write(file)

    def pids(self) -> dict[str, int]:
        """Of the programs that run."""
        with self._rpc() as rpc:
            return {
                str(info["name"]): int(info["pid"])
                for info in rpc.getAllProcessInfo()
                if info["pid"]
            }

    def states(self) -> dict[str, str]:
        """Each program's state and pid."""
        with self._rpc() as rpc:
            return {
                str(info["name"]): f"{info['statename']:<9} {info['pid'] or ''}"
                for info in rpc.getAllProcessInfo()
            }

    def stop_program(self, name: str) -> None:
        """Returns when it has ended."""
        with self._rpc() as rpc:
            rpc.stopProcess(f"{_group_of(name)}:{name}")

    def start_program(self, name: str) -> None:
        """Returns at once."""
        with self._rpc() as rpc:
            rpc.startProcess(f"{_group_of(name)}:{name}", False)

    @contextmanager
    def _rpc(self) -> Iterator[Any]:
        """A new client each time: threads must not share one."""
        address = {"SUPERVISOR_SERVER_URL": f"unix://{self._socket}"}
        try:
            yield childutils.getRPCInterface(address).supervisor
        except Fault as error:
            raise DeployError(f"supervisord: {error.faultString}") from None
        except OSError as error:
            raise DeployError(f"supervisord does not answer: {error}") from None


def _group_of(name: str) -> str:
    return "database" if name == PGBOUNCER else "system"
