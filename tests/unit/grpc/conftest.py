"""The two transports below the clients' stubs."""

from collections.abc import Iterator
from typing import Any

import pytest

from grpc_services import channels
from grpc_services.servers import Server
from tests.support.channels import forget_channels, network


@pytest.fixture(params=["in_process", "network"])
def transport(
    request: pytest.FixtureRequest, settings: Any, transactional_db: None
) -> Iterator[str]:
    """Each test of a client runs over both channels, to the service that its module names.

    Rows are committed, since a server's threads have database connections of their own.
    """
    service: str = request.module.SERVICE
    if request.param == "in_process":
        settings.GRPC_CHANNELS = {service: {"BACKEND": "grpc_services.channels.InProcessChannel"}}
        forget_channels()
        yield request.param
    else:
        server = Server(service, "127.0.0.1:0")
        server.start()
        settings.GRPC_CHANNELS = {service: network(server.port)}
        forget_channels()
        yield request.param
        channels.channel(service).close()
        server.stop()
    forget_channels()
