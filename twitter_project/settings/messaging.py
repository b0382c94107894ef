"""The broker, and the workers that the services declare."""

from typing import Any

from . import tls
from .environment import TLS_CA_FILE, env

RABBITMQ_URL: str | None = env.str("RABBITMQ_URL", None)
if RABBITMQ_URL:
    RABBITMQ_URL = tls.with_authority("RABBITMQ_URL", RABBITMQ_URL, TLS_CA_FILE)
BROKER: dict[str, Any] = (
    {"BACKEND": "messaging.backends.rabbitmq.broker.RabbitMQBroker", "url": RABBITMQ_URL}
    if RABBITMQ_URL
    else {"BACKEND": "messaging.backends.in_process.InProcessBroker"}
)
WORKERS = {
    "tweets": "tweets.handlers.WORKER",
    "feed": "feed.handlers.WORKER",
    "feed.slices": "feed.handlers.SLICES",
    "search": "search.handlers.WORKER",
    "search.slices": "search.handlers.SLICES",
}
# wsgi.py and asgi.py start these background threads.
BACKGROUND_THREADS = [] if RABBITMQ_URL else ["messaging.background_threads.start"]
# The relay calls these besides pruning the outbox: each call deletes a batch of old rows and
# returns their number.
PRUNES: dict[str, list[str]] = {
    "accounts": [
        "accounts.services.prune_spent_refreshes",
        "accounts.services.prune_tweet_counts",
        "accounts.services.prune_admin_sessions",
    ],
    "tweets": ["tweets.services.prune_idempotency_keys"],
}
