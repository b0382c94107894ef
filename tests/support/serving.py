"""A server in one process on embedded parts, like that of `make run`."""

from dataclasses import dataclass
from pathlib import Path

from deploy.local import ports
from deploy.local.probes import answers
from deploy.local.processes import Process
from deploy.local.readiness import monitor_address

# Embedded parts, whatever the tests use.
EMBEDDED = {
    "DJANGO_SETTINGS_MODULE": "twitter_project.settings.dev",
    **dict.fromkeys(
        ["DATABASE_URL", "REDIS_URL", "RABBITMQ_URL", "ELASTICSEARCH_URL", "USERS_GRPC"], ""
    ),
    "TWEETS_GRPC": "",
    "MONITOR_LISTEN": "127.0.0.1:0",
}


@dataclass(frozen=True)
class Server:
    process: Process
    address: str
    data: Path

    @property
    def monitor(self) -> str:
        """The URL of its metrics."""
        return monitor_address(self.process)

    def wait_until_it_answers(self) -> None:
        self.process.wait_until(lambda: answers(f"{self.address}/health"))


def start(command: str, folder: Path, *options: str, cwd: str = "", **environment: str) -> Server:
    """`manage.py <command>` on a free port, with data and log in `folder`."""
    port = ports.find_free()
    words = [command, "--port", str(port)] if command == "serve" else [command, str(port)]
    data = folder / "var"
    environment = {**EMBEDDED, "DATA_DIR": str(data), **environment}
    process = Process(folder / f"{command}.log", *words, *options, cwd=cwd, **environment)
    return Server(process, f"http://127.0.0.1:{port}", data)
