"""gRPC: the servicers, their addresses, and the clients' channels."""

from django.core.exceptions import ImproperlyConfigured

from .environment import env, read_seconds

GRPC_SERVICERS = {
    "accounts": "accounts.servicer.UserServicer",
    "tweets": "tweets.servicer.TweetServicer",
}
GRPC_LISTEN = {
    "accounts": env.str("USERS_GRPC_LISTEN", "127.0.0.1:50051"),
    "tweets": env.str("TWEETS_GRPC_LISTEN", "127.0.0.1:50052"),
}
# Services authenticate each other by these (grpc_services/credentials.py): the first key signs,
# all of them verify.
GRPC_TOKEN_KEYS: list[str] = env.list("GRPC_TOKEN_KEYS", [])
if any(len(_key) < 32 for _key in GRPC_TOKEN_KEYS):
    raise ImproperlyConfigured("GRPC_TOKEN_KEYS: each key must have at least 32 characters")
# Files: the authority that signed all certificates, this process's certificate, and its key.
GRPC_TLS: dict[str, str] = {
    _name: _path
    for _name in ("ca", "certificate", "key")
    if (_path := env.str(f"GRPC_TLS_{_name.upper()}", ""))
}
if len(GRPC_TLS) not in (0, 3):
    raise ImproperlyConfigured("GRPC_TLS_CA, GRPC_TLS_CERTIFICATE, GRPC_TLS_KEY: set all or none")
GRPC_DEADLINE_SECONDS: float = read_seconds("GRPC_DEADLINE_SECONDS", 5.0)


def _channel(target: str | None) -> dict[str, str]:
    if target:
        return {"BACKEND": "grpc_services.channels.network_channel", "TARGET": target}
    return {"BACKEND": "grpc_services.channels.InProcessChannel"}


USERS_GRPC: str | None = env.str("USERS_GRPC", None)
TWEETS_GRPC: str | None = env.str("TWEETS_GRPC", None)
GRPC_CHANNELS = {"accounts": _channel(USERS_GRPC), "tweets": _channel(TWEETS_GRPC)}
