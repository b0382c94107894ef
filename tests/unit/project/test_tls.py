"""Each client reaches PostgreSQL, Redis, RabbitMQ and Elasticsearch over TLS."""

import asyncio
import runpy
import socket
import sys
import threading
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import pytest
from channels import layers
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.test import override_settings
from elasticsearch.dsl import connections as index_connections

from common.ids import new_id
from common.postgresql.base import DatabaseWrapper
from common.redis.client import redis_client
from messaging.backends.rabbitmq.broker import RabbitMQBroker
from messaging.broker import Message
from search.backends.elasticsearch import ElasticsearchIndex
from tests.support.tls_servers import Servers, serving
from twitter_project import doctor, probes

pytestmark = pytest.mark.django_db

Client = Callable[[dict[str, Any]], object]  # takes the database's settings

SETTINGS = "twitter_project.settings.base"
SET = (
    "REDIS_URL", "FEED_REDIS_URLS", "FEED_SHARDS", "CACHES", "CHANNEL_LAYERS", "RABBITMQ_URL",
    "BROKER", "ELASTICSEARCH_URL", "ELASTICSEARCH_DSL", "ELASTICSEARCH_TLS", "PROBES",
)  # fmt: skip


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    RabbitMQBroker(str(settings.RABBITMQ_URL)).declare([])  # what the relay publishes to
    with serving() as servers:
        yield servers


def read(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings as they are in this environment."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        loaded = _unload_settings()
        try:
            return runpy.run_module(SETTINGS)
        finally:
            _unload_settings()
            sys.modules.update(loaded)


def _unload_settings() -> dict[str, ModuleType]:
    folder = SETTINGS.rpartition(".")[0]
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith(folder)}


@contextmanager
def configured(environment: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    found = read(environment)
    with override_settings(**{name: found[name] for name in SET}):
        yield found["DATABASES"]["default"]


# Each uses a client's connection.


def query(database: dict[str, Any]) -> None:
    made = DatabaseWrapper(connections["default"].settings_dict | database)
    with closing(made), made.cursor() as cursor:
        cursor.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert cursor.fetchone() == (True,)


def ask_caches(_: object) -> None:
    for name in ("default", "feed0"):
        assert redis_client(name).ping()


def use_channels(_: object) -> None:
    async def send_and_receive() -> None:
        layer = layers.ChannelLayerManager()["default"]
        try:
            channel = await layer.new_channel()
            await layer.send(channel, {"type": "sent"})
            assert await layer.receive(channel) == {"type": "sent"}
        finally:
            await layer.flush()

    asyncio.run(send_and_receive())


def publish(_: object) -> None:
    message = Message(message_id=str(new_id()), routing_key="tls.tested", body=b"{}", timestamp=0)
    with closing(RabbitMQBroker(str(settings.RABBITMQ_URL))) as broker:
        broker.publish([message])


def declare(_: object) -> None:
    with closing(RabbitMQBroker(str(settings.RABBITMQ_URL))) as broker:
        broker.declare([])


def index(_: object) -> None:
    index_connections.create_connection("tls", **settings.ELASTICSEARCH_DSL["default"])
    try:
        ElasticsearchIndex("tls").prepare()
    finally:
        index_connections.remove_connection("tls")


def probe(name: str) -> Client:
    return lambda _: probes.others()[name]()


def examine(check: Callable[[], Iterator[doctor.Finding]]) -> Client:
    return lambda _: list(check())


CLIENTS: dict[str, Client] = {
    "database": query,
    "caches": ask_caches,
    "channels": use_channels,
    "relay": publish,
    "workers": declare,
    "index": index,
    "ready: redis": probe("redis"),
    "ready: a shard": probe("feed0"),
    "ready: broker": probe("broker"),
    "ready: search": probe("search"),
    "doctor: redis": examine(lambda: doctor.check_redis("redis", settings.REDIS_URL)),
    "doctor: rabbitmq": examine(doctor.check_rabbitmq),
    "doctor: elasticsearch": examine(doctor.check_elasticsearch),
}


def refusal(client: Client, database: dict[str, Any]) -> str:
    """The text of the client's error and its causes."""
    with pytest.raises(Exception, match=r".") as refused:
        client(database)
    return "".join(traceback.format_exception(refused.value))


each_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=list(CLIENTS))


@pytest.mark.real
@each_client
def test_it_accepts_a_certificate_of_the_configured_authority(
    client: Client, servers: Servers
) -> None:
    with configured(servers.urls() | {"TLS_CA_FILE": servers.authority}) as database:
        client(database)


@pytest.mark.real
@each_client
def test_it_refuses_a_certificate_of_another_authority(client: Client, servers: Servers) -> None:
    with configured(servers.urls() | {"TLS_CA_FILE": servers.other_authority}) as database:
        assert "certificate verify failed" in refusal(client, database)


@pytest.mark.real
def test_doctor_names_the_remedy_for_a_certificate(servers: Servers) -> None:
    checks = {
        "redis": lambda: doctor.check_redis("redis", settings.REDIS_URL),
        "rabbitmq": doctor.check_rabbitmq,
        "elasticsearch": doctor.check_elasticsearch,
    }
    with configured(servers.urls() | {"TLS_CA_FILE": servers.other_authority}):
        found = [finding for part in checks for finding in doctor.run_check(part, checks[part])]

    assert [finding.part for finding in found] == list(checks)
    assert all("TLS_CA_FILE" in finding.remedy for finding in found)


@pytest.mark.real
@each_client
def test_it_refuses_a_certificate_for_another_host(client: Client, servers: Servers) -> None:
    urls = servers.urls(host="localhost") | {"TLS_CA_FILE": servers.authority}
    with configured(urls) as database:
        reason = refusal(client, database)

    # OpenSSL's words, and libpq's
    assert "not valid for 'localhost'" in reason or 'not match host name "localhost"' in reason


@pytest.mark.real
@each_client
def test_it_refuses_a_certificate_without_a_known_authority(
    client: Client, servers: Servers
) -> None:
    urls = servers.urls()
    urls["DATABASE_URL"] += "?sslmode=verify-full"
    with configured(urls) as database:
        reason = refusal(client, database)

    assert "certificate verify failed" in reason or "root certificate file" in reason


@pytest.mark.real
@pytest.mark.parametrize("client", [query, ask_caches, use_channels, publish, declare])
def test_a_url_may_name_its_own_authority(client: Client, servers: Servers) -> None:
    urls = servers.urls(authority=servers.authority)
    with configured(urls | {"TLS_CA_FILE": servers.other_authority}) as database:
        client(database)


def test_the_elasticsearch_probe_sends_user_and_password() -> None:
    received = bytearray()

    def listen(server: socket.socket) -> None:
        client, _ = server.accept()
        with client:
            received.extend(client.recv(4096))

    encoded = quote("a/b", safe="")
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener = threading.Thread(target=listen, args=(server,))
        listener.start()
        with pytest.raises(Exception, match="Connection"):
            probes.elasticsearch(f"http://elastic:{encoded}@127.0.0.1:{server.getsockname()[1]}")
        listener.join()

    assert b"Basic " + b64encode(b"elastic:a/b") in received


NAMING = {
    "TLS_CA_FILE": "{}",
    "DATABASE_URL": "postgres://a:b@127.0.0.1/c?sslrootcert={}",
    "FEED_DATABASE_URL": "postgres://a:b@127.0.0.1/c?sslrootcert={}",
    "REDIS_URL": "rediss://127.0.0.1?ssl_ca_certs={}",
    "FEED_REDIS_URLS": "rediss://127.0.0.1?ssl_ca_certs={}",
    "RABBITMQ_URL": "amqps://127.0.0.1?ssl_options={{'ca_certs':'{}'}}",
}


@pytest.mark.parametrize("name", NAMING)
def test_an_unreadable_authority_is_an_error_that_names_the_setting(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").touch()
    for file, reason in {
        "missing.pem": "No such file",
        "empty.pem": "no certificate",
    }.items():
        named = {"REDIS_URL": "redis://127.0.0.1", name: NAMING[name].format(tmp_path / file)}
        with pytest.raises(ImproperlyConfigured, match=f"^{name}.*{file}: {reason}"):
            read(named)


@pytest.mark.parametrize(
    "name", ["REDIS_URL", "FEED_REDIS_URLS", "RABBITMQ_URL", "ELASTICSEARCH_URL"]
)
def test_a_malformed_url_is_named_and_not_shown(name: str) -> None:
    scheme = "redis" if "REDIS" in name else "http"
    urls = {"REDIS_URL": "redis://127.0.0.1", name: f"{scheme}://user:xyzzy/7@127.0.0.1:1"}
    with pytest.raises(ImproperlyConfigured, match=f"^{name}") as refused:
        read(urls)

    assert "xyzzy" not in "".join(traceback.format_exception(refused.value))
