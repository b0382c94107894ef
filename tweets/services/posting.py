"""Posting of tweets and replies, with the idempotency keys of repeated requests."""

import hashlib
from datetime import timedelta

from django.db import IntegrityError
from django.db.models import Model
from django.utils import timezone

from common.db import atomic, prune, violated, with_new_id
from common.errors import Invalid, NotFound
from common.ids import created_at, new_id
from messaging.events import TweetCreated
from messaging.outbox import write_and_publish
from tweets import selectors
from tweets.length import check_content
from tweets.models import IdempotencyKey, Tweet
from tweets.services.counters import write_reply

KEY_HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
# How long a key is remembered.
KEPT = timedelta(days=2)


def post_tweet(*, user_id: int, content: str, idempotency_key: str | None = None) -> Tweet:
    """Posts a tweet. A repeated key returns the tweet that was posted with it, as it was then."""
    return _post(user_id=user_id, content=content, parent_id=None, key=idempotency_key)


def reply(
    *, user_id: int, parent_id: int, content: str, idempotency_key: str | None = None
) -> Tweet:
    """Posts a reply as `post_tweet` posts a tweet. A repost's id means its original."""
    return _post(user_id=user_id, content=content, parent_id=parent_id, key=idempotency_key)


def prune_idempotency_keys() -> int:
    """Deletes a batch of keys older than `KEPT`. Returns their number."""
    old = IdempotencyKey.objects.filter(created_at__lt=timezone.now() - KEPT)
    return prune(old, by="created_at")


def _post(*, user_id: int, content: str, parent_id: int | None, key: str | None) -> Tweet:
    content = check_content(content)
    used = None
    if key is not None:
        used = _use(key, user_id=user_id, parent_id=parent_id, content=content)
    if parent_id is not None:
        if used and (earlier := _find_posted(used, content)):
            return earlier  # even if the parent is deleted
        parent_id = selectors.get_visible_tweet(parent_id).id

    def write(id: int) -> Tweet:
        tweet = Tweet(
            id=id, user_id=user_id, content=content, parent_id=parent_id, created_at=created_at(id)
        )
        return tweet if _write(tweet, used) else _write_as_last(tweet, used)

    try:
        return with_new_id(write, model=Tweet)
    except IntegrityError as error:
        if not violated(error, "tweets_idempotencykey_once", "tweets_idempotencykey.key"):
            raise
        assert used is not None
        earlier = _find_posted(used, content)  # posted by an earlier request with this key
        if earlier is None:
            raise
        return earlier


def _write_as_last(reply: Tweet, used: IdempotencyKey | None) -> Tweet:
    """Writes a reply with an id greater than that of the parent's last reply, under its lock."""
    assert reply.parent_id is not None
    with atomic("tweets"):
        parent = Tweet.objects.lock([reply.parent_id]).get(reply.parent_id)
        if parent is None:
            raise NotFound(f"there is no tweet {reply.parent_id}")
        reply.id = new_id(after=parent.last_reply_id or 0)
        reply.created_at = created_at(reply.id)
        _write(reply, used)
    return reply


def _write(tweet: Tweet, used: IdempotencyKey | None) -> bool:
    """Writes the tweet, its event and its key in one statement. False as in `write_reply`."""
    event = TweetCreated(
        id=tweet.id,
        user_id=tweet.user_id,
        content=tweet.content,
        parent_id=tweet.parent_id,
        created_at=tweet.created_at,
    )
    rows: list[Model] = [tweet]
    if used is not None:
        used.tweet_id, used.parent_id = tweet.id, tweet.parent_id
        rows.insert(0, used)  # first, since a unique key may refuse it
    if tweet.parent_id is None:
        return write_and_publish(*rows, event=event, service="tweets")
    return write_reply(*rows, event=event, parent_id=tweet.parent_id)


def _use(key: str, *, user_id: int, parent_id: int | None, content: str) -> IdempotencyKey:
    """The key as an unsaved row, without its tweet."""
    if not (0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise _refused(f"must be 1 to {MAX_KEY_LENGTH} printable ASCII characters")
    request = f"{parent_id or ''}\n{content}"
    return IdempotencyKey(
        user_id=user_id, key=key, request_hash=hashlib.sha256(request.encode()).hexdigest()
    )


def _find_posted(used: IdempotencyKey, content: str) -> Tweet | None:
    """The tweet that was posted with the key, even if it has been deleted."""
    earlier = IdempotencyKey.objects.filter(user_id=used.user_id, key=used.key).first()
    if earlier is None:
        return None
    if earlier.request_hash != used.request_hash:
        raise _refused("was already used for another request; send a new key")
    return Tweet(
        id=earlier.tweet_id,
        user_id=earlier.user_id,
        content=content,
        parent_id=earlier.parent_id,
        created_at=created_at(earlier.tweet_id),
    )


def _refused(message: str) -> Invalid:
    return Invalid(f"{KEY_HEADER}: {message}", fields={KEY_HEADER: [message]})
