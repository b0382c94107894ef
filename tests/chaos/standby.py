"""A PostgreSQL standby that follows the deployment's primary."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.local.conditions import wait_until
from deploy.services.packages import find_postgres_tools
from deploy.services.servers import BASE_ENVIRONMENT, Ports, Server, list_servers
from tests.chaos.deployment import START_SECONDS, Deployment, postgres_url
from tests.support.parts import Part, server_part

NAME = "standby"


@dataclass(frozen=True)
class Standby:
    part: Part
    url: str
    primary: Deployment

    def start(self) -> None:
        """Returns when it replicates."""
        self.part.start()
        wait_until(lambda: self.state() == "async", START_SECONDS)

    def state(self) -> str | None:
        """Its replication state in the primary, None if it does not replicate."""
        found = self.primary.query(
            f"SELECT sync_state FROM pg_stat_replication WHERE application_name = '{NAME}'"
            " AND state = 'streaming'"
        )
        return str(found[0][0]) if found else None

    def wait_for(self, acknowledged_by: str) -> None:
        """Makes commits wait for this standby; `""` makes replication asynchronous."""
        self.primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{acknowledged_by}'")
        self.primary.execute("SELECT pg_reload_conf()")
        if acknowledged_by:
            wait_until(lambda: self.state() == "sync", START_SECONDS)

    def promote(self) -> None:
        """Returns when it accepts writes."""
        here = replace(self.primary, targets=replace(self.primary.targets, postgres_url=self.url))
        assert here.query("SELECT pg_promote()") == [(True,)]


@contextmanager
def standby_of(deployment: Deployment) -> Iterator[Standby]:
    """A standby as docs/operations/outages.md makes one, on the port that the processes know."""
    folder = deployment.folder / NAME
    folder.mkdir()
    at = Ports(postgres=deployment.standby_port)
    [server] = [s for s in list_servers(folder, clone=folder, at=at) if s.name == "postgres"]
    _copy(deployment, server)
    made = Standby(server_part(server, folder), postgres_url(deployment.standby_port), deployment)
    try:
        made.start()
        yield made
    finally:
        made.part.end()
        shutil.rmtree(folder)


def _copy(deployment: Deployment, server: Server) -> None:
    tools = find_postgres_tools()
    assert tools is not None
    command = server.command()
    data = Path(command[command.index("-D") + 1])
    data.parent.mkdir()
    if server.user is not None:
        shutil.chown(data.parent, server.user, server.user)
    source = f"{deployment.targets.postgres_url}?application_name={NAME}"
    options = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]
    subprocess.run(
        [str(tools / "pg_basebackup"), f"--dbname={source}", f"--pgdata={data}", *options],
        cwd="/",
        env=BASE_ENVIRONMENT,
        user=server.user,
        group=server.user,
        extra_groups=None if server.user is None else [],
        check=True,
    )
