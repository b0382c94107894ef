from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from common import db, ids
from common.db import with_new_id
from tests.support.factories import UserFactory


def test_an_id_holds_its_creation_time():
    before = datetime.now(UTC)
    id = ids.new_id()
    assert abs(ids.created_at(id) - before) < timedelta(seconds=1)


def test_ids_sort_by_time():
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    earlier = ids.first_id_at(moment) - 1
    assert ids.created_at(earlier) < moment == ids.created_at(ids.first_id_at(moment))


def test_ids_of_one_process_ascend():
    drawn = [ids.new_id() for _ in range(20_000)]
    assert drawn == sorted(set(drawn))
    assert abs(ids.created_at(drawn[-1]) - datetime.now(UTC)) < timedelta(seconds=1)


def test_an_id_after_a_future_one_does_not_raise_later_ids():
    ahead = ids.first_id_at(datetime.now(UTC) + timedelta(hours=1))
    assert ahead < ids.new_id(after=ahead) < ahead + 2**ids.RANDOM_BITS
    assert ids.new_id() < ahead


def test_ids_fit_63_bits_until_2089():
    last = ids.EPOCH + timedelta(milliseconds=2**41 - 1)
    assert ids.first_id_at(last) + 2**22 - 1 == ids.MAX_ID


def test_new_ids_are_unique_and_ascend():
    drawn = ids.new_ids(20_000)
    assert len(set(drawn)) == 20_000
    assert drawn == sorted(drawn)


@given(st.integers(1, ids.MAX_ID))
def test_parsing_a_formatted_id_returns_it(id: int):
    assert ids.parse_id(str(id)) == id
    assert ids.parse_id(str(id).encode()) == id


@pytest.mark.parametrize(
    "text",
    [
        "", "0", "-1", "+5", "007", "1.0", " 1", "1\n", "1_000", "tweet-3", "nonexistent-uuid",
        "١٢", "9223372036854775808", "9" * 30, b"\xff", b"",
    ],
)  # fmt: skip
def test_text_that_is_not_an_id_is_none(text: str | bytes):
    assert ids.parse_id(text) is None


def test_a_taken_id_is_replaced_by_a_new_one(db, monkeypatch):
    taken = UserFactory.create()
    draws = iter([taken.id, taken.id, 77])
    monkeypatch.setattr("common.db.new_id", lambda: next(draws))

    def write(id: int) -> User:
        from common.db import atomic

        with atomic("accounts"):
            return UserFactory.create(id=id)

    assert with_new_id(write, model=User).id == 77


def test_other_conflicts_are_not_retried(alice):
    calls: list[int] = []

    def write(id: int) -> User:
        calls.append(id)
        with db.atomic("accounts"):
            return UserFactory.create(id=id, username="ALICE", email="other@example.com")

    with pytest.raises(IntegrityError) as error:
        with_new_id(write, model=User)
    assert db.violated(error.value, "accounts_user_username_unique")
    assert not db.violated(error.value, "accounts_user_email_unique")
    assert len(calls) == 1
