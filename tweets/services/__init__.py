"""What can be done with tweets. Every write and every event of tweets is in here.

Rows are locked in one order, so that nobody waits in a circle: tweets before their likes and
reposts, and several tweets by `Tweet.objects.lock`. Whoever changes a tweet's likes or reposts
holds the tweet's lock, which keeps its counters exact.
"""

from tweets.services.counters import repair_counters
from tweets.services.deletion import (
    clear_remains,
    delete_tweet,
    forget_batch,
    forget_likes,
    forget_reposts,
    forget_user,
    leave_rest,
    remove_tweets,
)
from tweets.services.likes import like, unlike
from tweets.services.posting import post_tweet, prune_idempotency_keys, reply
from tweets.services.reposts import repost, undo_repost

__all__ = [
    "clear_remains",
    "delete_tweet",
    "forget_batch",
    "forget_likes",
    "forget_reposts",
    "forget_user",
    "leave_rest",
    "like",
    "post_tweet",
    "prune_idempotency_keys",
    "remove_tweets",
    "repair_counters",
    "reply",
    "repost",
    "undo_repost",
    "unlike",
]
