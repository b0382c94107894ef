"""One request to a server, to find out whether it answers."""

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc


def answers(url: str) -> bool:
    """Whether a GET succeeds."""
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.TransportError:
        return False


def is_serving(address: str, service: str = "") -> bool:
    """Whether the gRPC server at `address` serves the protobuf service, by its health check."""
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=service), timeout=5
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
