"""Whether a program of the stack does its work."""

from __future__ import annotations

import csv
import socket
from collections.abc import Callable
from contextlib import suppress

from deploy.local import ports
from deploy.local.probes import is_serving
from deploy.stack.topology import PORTS_OF_KEPT


def readiness_check(name: str, chosen: dict[str, int]) -> Callable[[], bool]:
    """Always true for the relay and workers: their messages wait."""
    if name.startswith("web_"):
        return lambda: _is_up(name, chosen["PROXY_ADMIN"])
    if "_grpc_" in name:
        return lambda: is_serving(f"{ports.LOOPBACK}:{chosen[name.upper()]}")
    if name in PORTS_OF_KEPT:
        return lambda: ports.accepts(chosen[PORTS_OF_KEPT[name]])
    return lambda: True


def _is_up(server: str, admin_port: int) -> bool:
    """Whether the proxy sends requests to the server."""
    with suppress(OSError):
        with socket.create_connection((ports.LOOPBACK, admin_port), timeout=2) as admin:
            admin.sendall(b"show stat\n")
            table = admin.makefile().read().lstrip("# ").splitlines()
        return any(
            row["svname"] == server and row["status"] == "UP" and row["check_status"] == "L7OK"
            for row in csv.DictReader(table)
        )
    return False
