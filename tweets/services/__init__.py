"""What can be done with tweets. Every write and every event of tweets is in here.

Rows are locked in one order, so that nobody waits in a circle: tweets before their likes and
reposts, and several tweets by `Tweet.objects.lock`. Whoever changes a tweet's likes or reposts
holds the tweet's lock, which keeps its counters exact.
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
