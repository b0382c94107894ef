"""Servers that speak TLS: PostgreSQL and Redis of their own, the others behind a TLS proxy.

Their certificate is for 127.0.0.1 and not for localhost.
"""

import shutil
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings

from deploy.local import ports
from deploy.local.conditions import wait_until
from deploy.services.servers import DATABASE, PASSWORD, USER, Ports, Server, list_servers
from tests.support.certificates import Authority
from tests.support.parts import server_part
from tests.support.proxy import Proxy

REDIS_PASSWORD = "a/b@c"  # must be percent-encoded in a URL


@dataclass(frozen=True)
class Servers:
    ports: Mapping[str, int]
    authority: str
    other_authority: str

    def urls(self, *, host: str = "127.0.0.1", authority: str = "") -> dict[str, str]:
        """The environment's URLs; with `authority`, as a parameter where the client has one."""
        at = {name: f"{host}:{port}" for name, port in self.ports.items()}
        user, redis = f"{USER}:{PASSWORD}", f"rediss://:{quote(REDIS_PASSWORD, safe='')}"
        urls = {
            "DATABASE_URL": f"postgres://{user}@{at['postgres']}/{DATABASE}",
            "REDIS_URL": f"{redis}@{at['redis']}/0",
            "FEED_REDIS_URLS": f"{redis}@{at['redis']}/1",
            "RABBITMQ_URL": f"amqps://{user}@{at['rabbitmq']}/%2F",
            "ELASTICSEARCH_URL": f"https://{user}@{at['elasticsearch']}",
        }
        if authority:
            for name, parameters in {
                "DATABASE_URL": {"sslmode": "verify-full", "sslrootcert": authority},
                "REDIS_URL": {"ssl_ca_certs": authority},
                "FEED_REDIS_URLS": {"ssl_ca_certs": authority},
                "RABBITMQ_URL": {"ssl_options": repr({"cafile": authority})},
            }.items():
                urls[name] += f"?{urlencode(parameters)}"
        return urls


@contextmanager
def serving() -> Iterator[Servers]:
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="microblog-tls-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)  # for PostgreSQL's user
        (folder / "log").mkdir()
        authority = Authority(folder)
        certificate, key = authority.issue("server", is_for_localhost=False)

        at = Ports(postgres=ports.find_free(), redis=ports.find_free())
        own = {server.name: server for server in list_servers(folder, clone=folder, at=at)}
        for server in (
            _postgres(own["postgres"], certificate, key),
            _redis(own["redis"], certificate, key),
        ):
            part = server_part(server, folder / "log")
            stack.callback(part.end)
            part.start()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        tls_ports = {"postgres": at.postgres, "redis": at.redis}
        for name, url in {
            "rabbitmq": settings.RABBITMQ_URL,
            "elasticsearch": settings.ELASTICSEARCH_URL,
        }.items():
            proxy = Proxy(urlsplit(str(url)).port or 0, context=context)
            stack.callback(proxy.close)
            tls_ports[name] = proxy.port
        wait_until(own["postgres"].is_ready)
        wait_until(lambda: ports.accepts(at.redis))
        yield Servers(tls_ports, authority.file, Authority(folder, "other").file)


def _postgres(server: Server, certificate: str, key: str) -> Server:
    kept = server.folder / "server.key"

    def prepare() -> None:
        server.prepare()
        shutil.copy(key, kept)
        shutil.chown(kept, server.user or -1)
        kept.chmod(0o600)

    options = {"ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": str(kept)}
    words = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return replace(server, prepare=prepare, command=lambda: [*server.command(), *words])


def _redis(server: Server, certificate: str, key: str) -> Server:
    def command() -> list[str]:
        plain = server.command()
        port = plain[plain.index("--port") + 1]
        return [
            *plain,
            *("--port", "0", "--tls-port", port, "--tls-auth-clients", "no"),
            *("--tls-cert-file", certificate, "--tls-key-file", key),
            *("--requirepass", REDIS_PASSWORD),
        ]

    return replace(server, command=command)
