"""The environment of the stack's processes: production's settings on the servers of the tests.

Secrets are made at the first start and kept in the stack's folder.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.local import ports
from deploy.services import servers
from deploy.stack.topology import name_databases
from twitter_project.settings.local_keys import keys

SERVERS = servers.OF_TESTS


@dataclass(frozen=True)
class Options:
    name: str
    folder: Path
    topology: str
    redis_db: int
    has_rate_limits: bool


def make_environment(options: Options, chosen: dict[str, int]) -> dict[str, str]:
    secrets = keys(options.folder / "keys.json")
    user, host = f"{servers.USER}:{servers.PASSWORD}", ports.LOOPBACK
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "twitter_project.settings.prod",
        "DATA_DIR": str(options.folder),
        "REDIS_URL": redis_url(options.redis_db),
        "RABBITMQ_URL": f"amqp://{user}@{host}:{SERVERS.rabbitmq}/{options.name}",
        "ELASTICSEARCH_URL": f"http://{host}:{SERVERS.elasticsearch}",
        "ELASTICSEARCH_INDEX": f"{options.name}-tweets",
        "SECRET_KEY": secrets["secret_key"],
        "JWT_SIGNING_KEY": secrets["signing_key"],
        "JWT_VERIFYING_KEY": secrets["verifying_key"],
        "GRPC_TOKEN_KEYS": hashlib.sha256(f"grpc {secrets['secret_key']}".encode()).hexdigest(),
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "SECURE_SSL_REDIRECT": "false",
        "NUM_PROXIES": "1",
        "PROXY_HEADERS": "forwarded",
        "RATE_LIMITS": "true" if options.has_rate_limits else "false",
    }
    databases = name_databases(options.topology, options.name)
    environment["DATABASE_URL"] = database_url(databases["accounts"])
    if options.topology == "databases":
        for service, database in databases.items():
            environment[f"{service.upper()}_DATABASE_URL"] = database_url(database)
    for service, variable in {"ACCOUNTS": "USERS_GRPC", "TWEETS": "TWEETS_GRPC"}.items():
        addresses = [f"{host}:{chosen[f'{service}_GRPC_{copy}']}" for copy in (1, 2)]
        environment[variable] = f"ipv4:{','.join(addresses)}"
    return environment | {name: str(port) for name, port in chosen.items()}


def database_url(name: str) -> str:
    user, port = f"{servers.USER}:{servers.PASSWORD}", SERVERS.postgres
    return f"postgres://{user}@{ports.LOOPBACK}:{port}/{name}"


def redis_url(database: int) -> str:
    return f"redis://{ports.LOOPBACK}:{SERVERS.redis}/{database}"
