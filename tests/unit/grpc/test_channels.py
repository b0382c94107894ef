"""Both kinds of channel: errors, deadlines, and no calls in a transaction."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import pytest
from django.db import OperationalError
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from common import errors
from common.db import atomic
from grpc_services.channels import network_channel
from grpc_services.clients import accounts
from grpc_services.clients.calls import call
from grpc_services.generated import user_service_pb2 as pb
from grpc_services.generated.user_service_pb2_grpc import UserStub
from grpc_services.servers import NAMES, Server

pytestmark = pytest.mark.django_db(transaction=True)

SERVICE = "accounts"

ERRORS = [
    errors.Malformed,
    errors.Invalid,
    errors.Forbidden,
    errors.NotFound,
    errors.Conflict,
    errors.Unavailable,
]


def answer_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("accounts.selectors.get_users", fail)


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("error", ERRORS)
def test_the_caller_raises_the_error_of_the_service(error, monkeypatch):
    answer_with(error("the reason"), monkeypatch)
    with pytest.raises(error) as raised:
        accounts.get_users([1])
    if error is not errors.Unavailable:  # its message is for the log
        assert raised.value.message == "the reason"


@pytest.mark.usefixtures("transport")
def test_a_service_whose_database_is_down_is_unavailable(monkeypatch):
    answer_with(OperationalError("connection refused to 10.0.0.7"), monkeypatch)
    with pytest.raises(errors.Unavailable) as raised:
        accounts.get_users([1])
    assert "10.0.0.7" not in raised.value.message


@pytest.mark.usefixtures("transport")
def test_an_unexpected_error_of_a_service_reveals_no_detail(monkeypatch):
    answer_with(ValueError("secret detail"), monkeypatch)
    with pytest.raises(RuntimeError) as raised:
        accounts.get_users([1])
    assert "secret" not in str(raised.value)


@pytest.mark.usefixtures("transport")
def test_a_call_inside_a_transaction_is_refused():
    with atomic("tweets"), pytest.raises(RuntimeError, match="inside a transaction"):
        accounts.get_users([1])


@pytest.fixture
def server():
    server = Server("accounts", "127.0.0.1:0")
    server.start()
    yield server
    server.stop()


def test_a_server_that_is_down_is_reported_within_the_deadline(server):
    target = f"127.0.0.1:{server.port}"
    server.stop()
    with network_channel("accounts", target=target) as channel:
        began = time.monotonic()
        with pytest.raises(grpc.RpcError) as raised:
            UserStub(channel).GetUser(pb.GetUserReq(user_id="1"), timeout=5)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        assert time.monotonic() - began < 4


@pytest.mark.parametrize(("times", "is_answered"), [(2, True), (3, False)])
def test_a_call_that_a_stopping_server_cancels_is_retried(times, is_answered):
    asked = []

    def answer(request, context):
        asked.append(request)
        if len(asked) <= times:
            context.cancel()
        return pb.GetUsersRes()

    stopping = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(
        answer, pb.GetUsersReq.FromString, pb.GetUsersRes.SerializeToString
    )
    service = grpc.method_handlers_generic_handler(NAMES["accounts"], {"GetUsers": handler})
    stopping.add_generic_rpc_handlers((service,))
    port = stopping.add_insecure_port("127.0.0.1:0")
    stopping.start()
    try:
        with network_channel("accounts", target=f"127.0.0.1:{port}") as channel:
            ask = partial(call, UserStub(channel).GetUsers, pb.GetUsersReq(), "accounts")
            if is_answered:
                assert ask() == pb.GetUsersRes()
            else:
                with pytest.raises(errors.Unavailable):
                    ask()
    finally:
        stopping.stop(None).wait()
    assert len(asked) == 3


def test_an_rpc_that_an_older_server_lacks_is_an_outage():
    older = grpc.server(ThreadPoolExecutor(1))
    older.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAMES["accounts"], {}),))
    port = older.add_insecure_port("127.0.0.1:0")
    older.start()
    try:
        with (
            network_channel("accounts", target=f"127.0.0.1:{port}") as channel,
            pytest.raises(errors.Unavailable, match="older version"),
        ):
            call(UserStub(channel).FindHidden, pb.FindHiddenReq(), "accounts")
    finally:
        older.stop(None).wait()


def test_a_server_reports_its_health_and_its_services(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        request = health_pb2.HealthCheckRequest(service=NAMES["accounts"])
        answer = health_pb2_grpc.HealthStub(channel).Check(request)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING

        asked = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        (listed,) = stub.ServerReflectionInfo(asked)
        names = {service.name for service in listed.list_services_response.service}
        assert {"user_service.User", "grpc.health.v1.Health"} <= names


def test_a_taken_port_is_an_error(server):
    with pytest.raises(RuntimeError):
        Server("accounts", f"127.0.0.1:{server.port}")
