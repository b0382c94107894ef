"""PgBouncer in transaction mode: few connections to each database for many processes."""

from __future__ import annotations

import os
from pathlib import Path

from deploy.local import ports
from deploy.services import servers

POOL_SIZE = 5  # connections per database

_POSTGRES = servers.OF_TESTS.postgres


def configure(folder: Path, port: int) -> None:
    """Writes pgbouncer.ini and the file of users."""
    users = folder / "pgbouncer.users"
    options = {
        "listen_addr": ports.LOOPBACK,
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": users,
        "stats_users": servers.USER,
        "pool_mode": "transaction",
        "default_pool_size": POOL_SIZE,
        "max_client_conn": 1000,
        # While PostgreSQL is down, clients get an error after 5 s; the default is 2 minutes.
        "query_wait_timeout": 5,
        "server_connect_timeout": 5,
        "server_login_retry": 1,
        "log_connections": 0,
        "log_disconnections": 0,
    }
    if os.geteuid() == 0:  # it refuses to run as root
        options["user"] = "nobody"
    settings = "\n".join(f"{name} = {value}" for name, value in options.items())
    server = f"* = host={ports.LOOPBACK} port={_POSTGRES}"

    users.touch(mode=0o600)
    users.write_text(f'"{servers.USER}" "{servers.PASSWORD}"\n')
    (folder / "pgbouncer.ini").write_text(f"[databases]\n{server}\n\n[pgbouncer]\n{settings}\n")


def through_pgbouncer(environment: dict[str, str], port: int) -> dict[str, str]:
    """The environment with PgBouncer's port in the database URLs."""
    return environment | {
        name: url.replace(f":{_POSTGRES}/", f":{port}/")
        for name, url in environment.items()
        if name.endswith("DATABASE_URL")
    }
