"""The programs of each topology and their ports.

HAProxy's part of a topology is `one.cfg` or `services.cfg`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

SERVICES = ("accounts", "tweets", "feed", "search")
TOPOLOGIES = ("one", "services", "databases")

PGBOUNCER = "pgbouncer"
# A rolling restart leaves these running. The values are the names of their ports.
PORTS_OF_KEPT = {"proxy": "PORT", PGBOUNCER: "PGBOUNCER"}

_COPIES = (1, 2)
_DRAIN = ("--drain", "2")
_WEB_PORTS = [
    f"WEB{service}_{copy}"
    for service in ("", "_ACCOUNTS", "_TWEETS", "_FEED", "_SEARCH", "_PAGES")
    for copy in _COPIES
]


@dataclass(frozen=True)
class Program:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)  # beside the stack's

    @property
    def is_background(self) -> bool:
        """Whether it publishes or handles events."""
        return self.name == "relay" or "_worker" in self.name

    @property
    def signs_tokens(self) -> bool:
        """Whether it serves accounts over HTTP."""
        return self.name.startswith(("web_1", "web_2", "web_accounts", "web_pages"))

    @property
    def listens_for_notifications(self) -> bool:
        """LISTEN does not work through a pool in transaction mode."""
        return self.name == "relay"


def choose_ports(first: int, first_grpc: int) -> dict[str, int]:
    """By the names that haproxy.cfg and the commands use."""
    ports = {"PORT": first, "PROXY_ADMIN": first + 100, "PGBOUNCER": first + 99}
    ports |= {name: first + 101 + index for index, name in enumerate(_WEB_PORTS)}
    for copy in _COPIES:
        ports[f"ACCOUNTS_GRPC_{copy}"] = first_grpc + 10 * (copy - 1)
        ports[f"TWEETS_GRPC_{copy}"] = first_grpc + 10 * (copy - 1) + 1
    return ports


def name_databases(topology: str, stack: str) -> dict[str, str]:
    """The database of each service."""
    own = topology == "databases"
    return {service: f"{stack}_{service}" if own else stack for service in SERVICES}


def list_programs(topology: str, ports: dict[str, int], folder: str) -> list[Program]:
    is_split = topology != "one"
    webs = _split_webs(ports) if is_split else _whole_webs(ports)
    return [
        Program("proxy", _haproxy("services" if is_split else "one")),
        Program(PGBOUNCER, ["pgbouncer", f"{folder}/pgbouncer.ini"]),
        *webs,
        *_grpc_servers(ports, is_split=is_split),
        *_background(is_split=is_split),
    ]


def _haproxy(layout: str) -> list[str]:
    files = ("deploy/stack/haproxy.cfg", f"deploy/stack/{layout}.cfg")
    return ["haproxy", "-W", "-db", *(word for file in files for word in ("-f", file))]


def _whole_webs(ports: dict[str, int]) -> Iterator[Program]:
    """All services in one process, twice."""
    for copy in _COPIES:
        yield Program(f"web_{copy}", _manage("serve", "--port", str(ports[f"WEB_{copy}"]), *_DRAIN))


def _split_webs(ports: dict[str, int]) -> Iterator[Program]:
    """Each service in its own processes; `pages` serves the schema and the admin."""
    for service in (*SERVICES, "pages"):
        for copy in _COPIES:
            name = f"web_{service}_{copy}"
            command = _manage("serve", "--port", str(ports[name.upper()]), *_DRAIN)
            yield Program(name, command, {} if service == "pages" else {"SERVICES": service})


def _grpc_servers(ports: dict[str, int], *, is_split: bool) -> Iterator[Program]:
    for service in ("accounts", "tweets"):
        for copy in _COPIES:
            name = f"{service}_grpc_{copy}"
            address = f"127.0.0.1:{ports[name.upper()]}"
            command = _manage("run_grpc_server", service, "--listen", address)
            yield Program(name, command, {"SERVICES": service} if is_split else {})


def _background(*, is_split: bool) -> Iterator[Program]:
    yield Program("relay", _manage("run_outbox_relay"))
    workers = {
        "tweets_worker": "tweets",
        "feed_worker_1": "feed",
        "feed_worker_2": "feed",
        "search_worker": "search",
    }
    for name, service in workers.items():
        environment = {"SERVICES": service} if is_split else {}
        yield Program(name, _manage(f"run_{service}_worker"), environment)


def _manage(*arguments: str) -> list[str]:
    return ["python", "manage.py", *arguments]
