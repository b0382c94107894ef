"""Where a test's questions to other services go."""

from grpc_services import channels
from grpc_services.clients import accounts, tweets

NOBODY = 1  # a port on which nobody listens


def network(port: int) -> dict[str, str]:
    """For `settings.GRPC_CHANNELS`: a server on this machine."""
    return {
        "BACKEND": "grpc_services.channels.network_channel",
        "TARGET": f"127.0.0.1:{port}",
    }


def forget_channels() -> None:
    """As in a process that has not asked yet, so that changed settings count."""
    channels.channel.cache_clear()
    accounts._stub.cache_clear()
    tweets._stub.cache_clear()
