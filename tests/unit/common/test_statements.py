"""`insert_together` inserts all rows or none."""

import pytest
from django.db import IntegrityError, connections
from django.db.models import Model
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from common.db import alias, atomic
from common.ids import created_at, new_id
from common.postgresql.statements import Increment, insert_together
from tests.support.factories import TweetFactory
from tweets.models import Like, Tweet


@pytest.fixture
def parent(alice: User) -> Tweet:
    made: Tweet = TweetFactory.create(user_id=alice.id)
    return made


def like(user_id: int, tweet_id: int = 7) -> Like:
    return Like(user_id=user_id, tweet_id=tweet_id)


def tweet(content: str = "It's 100 % \\ %s {}") -> Tweet:
    id = new_id()
    return Tweet(id=id, user_id=3, content=content, parent_id=None, created_at=created_at(id))


def replies(parent_id: int) -> Increment:
    return Increment(model=Tweet, id=parent_id, counter="num_replies")


def test_rows_are_inserted_like_by_save(db: None) -> None:
    one = tweet()
    assert insert_together("tweets", one, like(1), like(2))
    assert Tweet.objects.values().get() == {
        field.attname: getattr(one, field.attname) for field in Tweet._meta.concrete_fields
    }
    assert set(Like.objects.values_list("user_id", flat=True)) == {1, 2}


def test_the_counter_of_the_counted_row_is_incremented(parent: Tweet) -> None:
    assert insert_together("tweets", tweet(), like(1), counted=replies(parent.id))
    parent.refresh_from_db()
    assert (parent.num_replies, Tweet.objects.count(), Like.objects.count()) == (1, 2, 1)


def test_no_row_is_inserted_if_the_counted_row_is_missing(db: None) -> None:
    assert not insert_together("tweets", tweet(), like(1), counted=replies(7))
    assert not Tweet.objects.exists()
    assert not Like.objects.exists()


def test_an_equal_or_smaller_value_of_a_rising_column_is_refused(parent: Tweet) -> None:
    def write(last_reply_id: int) -> bool:
        raised = ("last_reply_id", last_reply_id)
        counted = Increment(model=Tweet, id=parent.id, counter="num_replies", raised=raised)
        return insert_together("tweets", tweet(), counted=counted)

    assert [write(id) for id in (7, 7, 6, 8)] == [True, False, False, True]
    parent.refresh_from_db()
    assert (parent.num_replies, parent.last_reply_id) == (2, 8)
    assert Tweet.objects.count() == 3


@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_refused_row_rolls_back_the_others(parent: Tweet, position: int) -> None:
    like(1).save()
    rows: list[Model] = [tweet(), like(2)]
    rows.insert(position, like(1))
    with pytest.raises(IntegrityError):
        insert_together("tweets", *rows, counted=replies(parent.id))
    parent.refresh_from_db()
    assert (parent.num_replies, Tweet.objects.count(), Like.objects.count()) == (0, 1, 1)


def test_a_refused_row_keeps_an_open_transaction_usable(db: None) -> None:
    like(1).save()
    with atomic("tweets"):
        with pytest.raises(IntegrityError):
            insert_together("tweets", like(1), tweet())
        assert insert_together("tweets", like(2), tweet())
    assert (Tweet.objects.count(), Like.objects.count()) == (1, 2)


@pytest.mark.real
@pytest.mark.django_db(transaction=True)
def test_it_runs_one_statement(parent: Tweet) -> None:
    with CaptureQueriesContext(connections[alias("tweets")]) as ran:
        insert_together("tweets", tweet(), like(1), like(2), counted=replies(parent.id))
    assert len(ran) == 1
