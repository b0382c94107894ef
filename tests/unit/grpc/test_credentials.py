"""Services authenticate each other by tokens, certificates or both."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from common.addresses import is_loopback
from common.errors import Unavailable
from deploy.local.conditions import wait_until
from grpc_services import credentials
from grpc_services.channels import network_channel
from grpc_services.clients.calls import call
from grpc_services.generated import user_service_pb2 as pb
from grpc_services.generated.user_service_pb2_grpc import UserStub
from grpc_services.servers import NAMES, Server
from tests.support.certificates import DAY, Authority

pytestmark = pytest.mark.django_db(transaction=True)

KEY, OTHER_KEY = "k" * 32, "o" * 32
REQUEST = pb.GetUserReq(user_id="1")
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE

Serve = Callable[[], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts the accounts server with the current settings, and returns its address."""
    with ExitStack() as running:

        def serve() -> str:
            server = Server("accounts", "127.0.0.1:0")
            server.start()
            running.callback(server.stop)
            return f"127.0.0.1:{server.port}"

        yield serve


def ask(channel: grpc.Channel, authorization: str | None = None) -> Any:
    """The answer, or the status of the refusal."""
    sent = None if authorization is None else (("authorization", authorization),)
    try:
        return UserStub(channel).GetUser(REQUEST, timeout=5, metadata=sent)
    except grpc.RpcError as error:
        return error.code()


def token(key: str = KEY, **claims: object) -> str:
    good = {"aud": "accounts", "exp": int(time.time()) + 60}
    return "Bearer " + jwt.encode(good | claims, key, "HS256")


# Tokens


def test_a_client_authenticates_by_its_token(settings: Any, serve: Serve) -> None:
    settings.GRPC_TOKEN_KEYS = [KEY]
    with network_channel("accounts", target=serve()) as channel:
        assert not call(UserStub(channel).GetUser, REQUEST, "accounts").valid


INVALID_TOKENS = {
    "none": lambda: None,
    "nothing": lambda: "",
    "no scheme": lambda: token().removeprefix("Bearer "),
    "nonsense": lambda: "Bearer x.y.z",
    "a number": lambda: "Bearer 7",
    "of another key": lambda: token(OTHER_KEY),
    "expired": lambda: token(exp=int(time.time()) - credentials.LEEWAY_SECONDS - 1),
    "without an end": lambda: "Bearer " + jwt.encode({"aud": "accounts"}, KEY, "HS256"),
    "for another service": lambda: token(aud="tweets"),
    "for nobody": lambda: "Bearer " + jwt.encode({"exp": 2**40}, KEY, "HS256"),
    "unsigned": lambda: "Bearer " + jwt.encode({"aud": "accounts", "exp": 2**40}, "", "none"),
}


@pytest.mark.parametrize("kind", INVALID_TOKENS)
def test_a_call_without_a_valid_token_is_refused(settings: Any, serve: Serve, kind: str) -> None:
    settings.GRPC_TOKEN_KEYS = [KEY]
    with grpc.insecure_channel(serve()) as channel:
        assert ask(channel, INVALID_TOKENS[kind]()) is UNAUTHENTICATED
        assert not ask(channel, token()).valid  # a valid one is accepted


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_case_of_the_scheme_does_not_matter(settings: Any, serve: Serve, scheme: str) -> None:
    settings.GRPC_TOKEN_KEYS = [KEY]
    with grpc.insecure_channel(serve()) as channel:
        assert not ask(channel, token().replace("Bearer", scheme)).valid


def test_a_token_expires_after_it_was_accepted(settings: Any, serve: Serve) -> None:
    settings.GRPC_TOKEN_KEYS = [KEY]
    expiring = token(exp=int(time.time()) - credentials.LEEWAY_SECONDS + 2)
    with grpc.insecure_channel(serve()) as channel:
        assert not ask(channel, expiring).valid
        wait_until(lambda: ask(channel, expiring) is UNAUTHENTICATED)


def test_the_first_key_signs_while_older_keys_are_accepted(settings: Any, serve: Serve) -> None:
    settings.GRPC_TOKEN_KEYS = [OTHER_KEY, KEY]
    with grpc.insecure_channel(serve()) as channel:
        assert not ask(channel, token(KEY)).valid
        assert not call(UserStub(channel).GetUser, REQUEST, "accounts").valid
    (sent,) = credentials.metadata("accounts") or ()
    assert jwt.decode(sent[1].removeprefix("Bearer "), OTHER_KEY, ["HS256"], audience="accounts")


def test_a_process_with_the_wrong_key_reports_an_outage(
    settings: Any, serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its users see an outage, not a request to sign in; its log names the setting."""
    settings.GRPC_TOKEN_KEYS = [KEY]
    monkeypatch.setattr(credentials, "metadata", lambda _: (("authorization", token(OTHER_KEY)),))
    with network_channel("accounts", target=serve()) as channel, pytest.raises(Unavailable):
        call(UserStub(channel).GetUser, REQUEST, "accounts")
    assert "GRPC_TOKEN_KEYS" in caplog.text


def test_health_needs_no_token_but_reflection_does(settings: Any, serve: Serve) -> None:
    settings.GRPC_TOKEN_KEYS = [KEY]
    with grpc.insecure_channel(serve()) as channel:
        request = health_pb2.HealthCheckRequest(service=NAMES["accounts"])
        health = health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)
        assert health.status == health_pb2.HealthCheckResponse.SERVING

        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            list(stub.ServerReflectionInfo(asked, timeout=5))
        assert refused.value.code() is UNAUTHENTICATED


# Certificates


@pytest.fixture
def authority(settings: Any, tmp_path: Path) -> Authority:
    """The authority that signed the server's certificate."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("accounts")
    settings.GRPC_TLS = {"ca": authority.file, "certificate": certificate, "key": key}
    return authority


def test_a_client_authenticates_by_its_certificate(authority: Authority, serve: Serve) -> None:
    with network_channel("accounts", target=serve()) as channel:
        assert not call(UserStub(channel).GetUser, REQUEST, "accounts").valid


def test_a_client_without_a_certificate_cannot_connect(authority: Authority, serve: Serve) -> None:
    address, root = serve(), Path(authority.file).read_bytes()
    with grpc.insecure_channel(address) as channel:
        assert ask(channel) is UNAVAILABLE
    with grpc.secure_channel(address, grpc.ssl_channel_credentials(root)) as channel:
        assert ask(channel) is UNAVAILABLE


@pytest.mark.parametrize("kind", ["expired", "of another authority"])
def test_a_client_with_an_invalid_certificate_cannot_connect(
    authority: Authority, serve: Serve, settings: Any, tmp_path: Path, kind: str
) -> None:
    address = serve()
    if kind == "expired":
        certificate, key = authority.issue("late", ends_in=timedelta(0) - DAY)
    else:
        certificate, key = Authority(tmp_path, "other").issue("forged")
    settings.GRPC_TLS = settings.GRPC_TLS | {"certificate": certificate, "key": key}
    with network_channel("accounts", target=address) as channel:
        assert ask(channel) is UNAVAILABLE


def test_a_client_refuses_a_server_of_another_authority(
    authority: Authority, serve: Serve, settings: Any, tmp_path: Path
) -> None:
    address = serve()
    settings.GRPC_TLS = settings.GRPC_TLS | {"ca": Authority(tmp_path, "other").file}
    with network_channel("accounts", target=address) as channel:
        assert ask(channel) is UNAVAILABLE


def test_with_both_set_up_a_certificate_alone_is_refused(
    authority: Authority, serve: Serve, settings: Any
) -> None:
    settings.GRPC_TOKEN_KEYS = [KEY]
    with network_channel("accounts", target=serve()) as channel:
        assert ask(channel) is UNAUTHENTICATED
        assert not call(UserStub(channel).GetUser, REQUEST, "accounts").valid


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:1",
        "127.8.0.1:1",
        "[::1]:1",
        "localhost:1",
        "unix:/run/a",
        "ipv4:127.0.0.1:1",
        "dns:///localhost:1",
        "ipv4:127.0.0.1:1,127.0.0.1:2",
    ],
)
def test_an_address_on_loopback_is_recognized(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0:1",
        "[::]:1",
        "10.0.0.7:1",
        "accounts:50051",
        ":50051",
        "*:1",
        "",
        "local.host:1",
        "ipv4:127.0.0.1:1,10.0.0.7:2",
        "dns:///accounts:1",
        "dns://8.8.8.8/localhost:1",
    ],
)
def test_an_address_beyond_loopback_is_recognized(address: str) -> None:
    assert not is_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_a_server_beyond_loopback_needs_credentials(settings: Any, address: str) -> None:
    with pytest.raises(CommandError, match="GRPC_TOKEN_KEYS"):
        call_command("run_grpc_server", "accounts", "--listen", address)
    settings.GRPC_TOKEN_KEYS = [KEY]
    credentials.check_exposure(address)


def test_a_missing_certificate_is_named(settings: Any, tmp_path: Path) -> None:
    settings.GRPC_TLS = dict.fromkeys(("ca", "certificate", "key"), str(tmp_path / "nowhere.pem"))
    with pytest.raises(ImproperlyConfigured, match=r"nowhere\.pem"):
        Server("accounts", "127.0.0.1:0")
