"""For any bytes, an RPC answers with an expected status and reveals no internals."""

from typing import Any

import grpc
import pytest
from django.db import connection
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grpc_services.channels import InProcessChannel
from grpc_services.clients.calls import MAX_IDS
from grpc_services.errors import to_status
from grpc_services.generated import tweet_service_pb2, user_service_pb2
from grpc_services.servers import Server
from tests.support.factories import FollowFactory, TweetFactory

METHODS: dict[str, tuple[str, MethodDescriptor]] = {
    f"{described.name}.{method.name}": (service, method)
    for service, file in (("accounts", user_service_pb2), ("tweets", tweet_service_pb2))
    for described in file.DESCRIPTOR.services_by_name.values()
    for method in described.methods
}
# INTERNAL and UNKNOWN would be bugs of ours.
EXPECTED_STATUSES = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION,
}
INTERNALS = ("Traceback", "SELECT", "INSERT", "sqlite", "psycopg", "django", ".py", "accounts_user")

id_like = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["", "0", "007", "+5", "1e3", "٣", "9223372036854775807", "9" * 19, "\x00"]),
    st.text(max_size=300),
)


def values(field: FieldDescriptor, known: dict[str, str]) -> st.SearchStrategy[Any]:
    """Any value of the field's type, sometimes one that exists."""
    kinds: dict[int, st.SearchStrategy[Any]] = {
        FieldDescriptor.TYPE_STRING: st.one_of(st.sampled_from(sorted(known.values())), id_like),
        FieldDescriptor.TYPE_INT32: st.integers(-(2**31), 2**31 - 1) | st.integers(0, 20),
        FieldDescriptor.TYPE_SINT64: st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3),
        FieldDescriptor.TYPE_FIXED64: st.integers(0, 2**64 - 1),
    }
    one = kinds[field.type]
    if not field.is_repeated:
        return one
    return st.lists(one, max_size=5) | st.builds(lambda value: [value] * (MAX_IDS + 1), one)


def messages(described: Any, known: dict[str, str]) -> st.SearchStrategy[bytes]:
    made = message_factory.GetMessageClass(described)
    fields = {field.name: values(field, known) for field in described.fields}
    return st.fixed_dictionaries({}, optional=fields).map(lambda v: made(**v).SerializeToString())


@pytest.mark.parametrize("name", METHODS)
def test_any_message_gets_an_expected_status(db: None, name: str) -> None:
    service, method = METHODS[name]
    follow = FollowFactory.create()
    tweet = TweetFactory.create(user_id=follow.follower_id)
    known = {"user": str(follow.follower_id), "tweet": str(tweet.id), "name": "user-1"}
    handler = InProcessChannel(service).handlers[
        f"/{method.containing_service.full_name}/{method.name}"
    ]

    @given(body=messages(method.input_type, known) | st.binary(max_size=200))
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def ask(body: bytes) -> None:
        status, details = answer(handler, body, name)
        assert status in EXPECTED_STATUSES, details
        assert not any(word in details for word in INTERNALS), details
        assert connection.is_usable()

    ask()


def answer(handler: Any, body: bytes, name: str) -> tuple[grpc.StatusCode, str]:
    try:
        request = handler.request_deserializer(body)
    except DecodeError:  # see the next test
        return grpc.StatusCode.INVALID_ARGUMENT, ""
    try:
        handler.response_serializer(handler.unary_unary(request, None))
    except Exception as error:
        return to_status(error, name)
    return grpc.StatusCode.OK, ""


@pytest.mark.parametrize("service", ["accounts", "tweets"])
@pytest.mark.parametrize("body", [b"\xff", b"\x0a\x7f", b"\x0a\x01\xff"], ids=repr)
def test_bytes_that_are_not_a_message_are_an_invalid_argument(
    transactional_db: None, service: str, body: bytes
) -> None:
    server = Server(service, "127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        for of, method in METHODS.values():
            if of == service:
                path = f"/{method.containing_service.full_name}/{method.name}"
                with pytest.raises(grpc.RpcError) as refused:
                    channel.unary_unary(path, None, None)(body, timeout=10)
                assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT, path
    server.stop()
