"""The writes of tweets, with the events that they publish.

All writers lock rows in one order, so they cannot deadlock: tweets before their likes and reposts,
and several tweets with `Tweet.objects.lock`. A writer of a tweet's likes or reposts holds the
tweet's lock, so its counters are exact.
"""

from tweets.services.counters import repair_counters
from tweets.services.deletion import (
    clear_remains,
    delete_tweet,
    publish_next_removals,
    remove_likes,
    remove_reposts,
    remove_tweets,
    remove_user,
    remove_user_batch,
)
from tweets.services.likes import like, unlike
from tweets.services.posting import post_tweet, prune_idempotency_keys, reply
from tweets.services.reposts import repost, undo_repost

__all__ = [
    "clear_remains",
    "delete_tweet",
    "like",
    "post_tweet",
    "prune_idempotency_keys",
    "publish_next_removals",
    "remove_likes",
    "remove_reposts",
    "remove_tweets",
    "remove_user",
    "remove_user_batch",
    "repair_counters",
    "reply",
    "repost",
    "undo_repost",
    "unlike",
]
