"""The gRPC channels that a test's clients use."""

from grpc_services import channels
from grpc_services.clients import accounts, tweets

CLOSED_PORT = 1  # no server listens on it


def network(port: int) -> dict[str, str]:
    """An entry of `settings.GRPC_CHANNELS` for a server on this machine."""
    return {
        "BACKEND": "grpc_services.channels.network_channel",
        "TARGET": f"127.0.0.1:{port}",
    }


def reset_channels() -> None:
    """Makes clients build new channels, so that changed settings take effect."""
    channels.channel.cache_clear()
    accounts.stub.cache_clear()
    tweets.stub.cache_clear()
