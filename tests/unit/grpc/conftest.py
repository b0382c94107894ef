"""The two kinds of channel below the clients' stubs."""

from collections.abc import Iterator
from typing import Any

import pytest

from grpc_services import channels
from grpc_services.servers import Server
from tests.support.channels import network, reset_channels


@pytest.fixture(params=["in_process", "network"])
def transport(
    request: pytest.FixtureRequest, settings: Any, transactional_db: None
) -> Iterator[str]:
    """Runs each test over both kinds of channel, to the service in the module's `SERVICE`.

    Rows are committed, because the server's threads have database connections of their own.
    """
    service: str = request.module.SERVICE
    if request.param == "in_process":
        settings.GRPC_CHANNELS = {service: {"BACKEND": "grpc_services.channels.InProcessChannel"}}
        reset_channels()
        yield request.param
    else:
        server = Server(service, "127.0.0.1:0")
        server.start()
        settings.GRPC_CHANNELS = {service: network(server.port)}
        reset_channels()
        yield request.param
        channels.channel(service).close()
        server.stop()
    reset_channels()
