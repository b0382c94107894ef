import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import Malformed
from common.http.pagination import Page
from search.backends.sqlite import SqliteIndex
from search.index import WINDOW, Position, Tombstone, index, this_hour
from search.query import parse
from tests.support.search import Write, document, find, found_ids
from tests.unit.search.queries import CORPUS, QUERIES

ODD_QUERIES = [
    '"', '""', '"""', "'", "a'b", "AND", "OR", "NOT", "AND OR NOT", "a AND", "NEAR(a b, 2)",
    "(", ")", "((a)", "[", "{", "*", "a*", "*a", "^a", "a^2", "a~", "~", "+a", "-a", "a:b",
    "content:a", "hashtags : a", "{content} : a", "\\", "a\\", "/a/", "/", "|", "&&", "!", "?",
    "#", "##", "@", "😀", "👩\u200d👩\u200d👧", "\u200d", "\ufe0f", "\x01", "\x1f", "\x7f",
    "\u202e", "\ufeff", "\u2028", "a\x00b", "½", "ﷺ", "%", "_", "';--", "x" * 500,
    " ".join("abcdefghij" for _ in range(45)), " ".join(f"w{n}" for n in range(120)),
    " ".join("a" for _ in range(250)), " ".join(chr(0x4E00 + n) for n in range(250)),
    "".join(chr(0x4E00 + n) for n in range(500)), " ".join(f"#t{n}" for n in range(120)),
]  # fmt: skip


@pytest.fixture
def corpus(write: Write) -> dict[int, int]:
    """Indexes the corpus. Returns the number of each tweet by its id."""
    entries = {number: document(number, content) for number, content in CORPUS.items()}
    write(*entries.values())
    return {entry.id: number for number, entry in entries.items()}


def test_every_query_of_the_table_finds_its_tweets(corpus: dict[int, int]) -> None:
    found = {query: {corpus[id] for id in found_ids(query)} for query in QUERIES}

    assert found == QUERIES


def test_a_sqlite_file_of_an_earlier_version_is_analysed_again(tmp_path: Path) -> None:
    path = tmp_path / "search.sqlite3"
    tweet, hidden = document(1, "the sun's out"), document(2, "sun", hidden=True)
    SqliteIndex(str(path)).write([tweet, hidden])
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE words SET content = 'the sun''s out'")
        database.execute("PRAGMA user_version = 0")
        database.commit()

    found = SqliteIndex(str(path)).search(
        parse("sun"), position=Position(hour=this_hour()), limit=10
    )

    assert [hit.key for hit in found.hits] == [str(tweet.id)]


def test_an_odd_query_finds_nothing_and_does_not_fail(write: Write) -> None:
    write(document(1, "something"))

    assert {text: found_ids(text) for text in ODD_QUERIES} == {text: [] for text in ODD_QUERIES}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(text=st.text(max_size=500))
def test_any_text_can_be_indexed_and_searched(text: str, empty_index: None) -> None:
    index().write([document(1, text)])

    found_ids(text)


def test_a_hit_has_the_fields_of_the_tweet(write: Write) -> None:
    entry = document(1, "Snow on #Alps", user_id=7)
    write(entry)

    found = find("snow")

    [hit] = found.hits
    assert hit.key == str(entry.id)
    assert hit.score > 0
    assert hit.source["id"] == str(entry.id)
    assert hit.source["user_id"] == "7"
    assert hit.source["content"] == "Snow on #Alps"
    assert (found.total, found.next) == (1, None)


def test_an_index_that_does_not_exist_is_empty(empty_index: None) -> None:
    assert found_ids("hello") == []
    assert index().find_by_author(1, limit=10) == Page([], None)


def test_a_second_write_of_a_tweet_changes_nothing(write: Write) -> None:
    entry = document(1)
    write(entry, entry)
    write(entry)

    assert found_ids("hello") == [entry.id]


def test_a_deleted_tweet_is_not_found(write: Write) -> None:
    entry = document(1)
    write(entry)
    write(Tombstone(id=entry.id, deleted_at=timezone.now()))

    assert found_ids("hello") == []


def test_a_late_creation_does_not_restore_a_deleted_tweet(write: Write) -> None:
    entry = document(1)
    write(Tombstone(id=entry.id, deleted_at=timezone.now()))
    write(entry)

    assert found_ids("hello") == []


def test_a_hidden_tweet_is_not_found_until_it_is_shown_again(write: Write) -> None:
    entry = document(1)
    write(entry)
    write(replace(entry, hidden=True, version=1_000))
    assert found_ids("hello") == []

    write(replace(entry, version=2_000))
    assert found_ids("hello") == [entry.id]


def test_a_write_with_a_lower_version_is_ignored(write: Write) -> None:
    entry = document(1)
    write(entry)
    write(replace(entry, version=2_000))
    write(replace(entry, hidden=True, version=1_000))

    assert found_ids("hello") == [entry.id]


def test_find_by_author_gives_all_tweets_of_the_author_only(write: Write) -> None:
    by_alice = [document(n, user_id=1) for n in range(12)]
    gone = document(13, user_id=1)
    write(*by_alice, replace(by_alice[0], hidden=True, version=2), gone, document(14, user_id=2))
    write(Tombstone(id=gone.id, deleted_at=timezone.now()))

    assert sorted(all_of_author(1)) == [entry.id for entry in by_alice]


def test_find_by_author_gives_all_tweets_during_a_rebuild(write: Write) -> None:
    entries = [document(n, user_id=1) for n in range(12)]
    write(*entries)
    rebuild = index().rebuild()
    rebuild.load(entries[:7])

    found = all_of_author(1)
    rebuild.abandon()

    assert set(found) == {entry.id for entry in entries}


def all_of_author(user_id: int) -> list[int]:
    found: list[int] = []
    after_id: int | None = None
    while True:
        page = index().find_by_author(user_id, after_id=after_id, limit=5)
        found += [entry.id for entry in page.items]
        if page.next is None:
            return found
        after_id = page.next


def test_hits_with_equal_scores_come_newest_first(write: Write) -> None:
    entries = [document(n) for n in range(5)]
    write(*entries)

    assert found_ids("hello") == [entry.id for entry in reversed(entries)]


def test_new_hits_come_before_old_ones(write: Write) -> None:
    ages = [timedelta(days=days) for days in (0, 2, 9, 30)]
    entries = [document(n, age=age) for n, age in enumerate(ages)]
    write(*reversed(entries))

    assert found_ids("hello") == [entry.id for entry in entries]


def test_new_hits_come_first_within_an_hour(write: Write) -> None:
    minutes = [timedelta(minutes=n) for n in (0, 1, 5, 15, 30, 45)]
    entries = [document(n, age=age) for n, age in enumerate(minutes)]
    write(*entries)

    assert found_ids("hello") == [entry.id for entry in entries]


def test_a_more_relevant_hit_comes_before_a_newer_one(write: Write) -> None:
    beside = document(1, "a long story with rain in which at last there is a word on snow")
    about = document(2, "snow, snow", age=timedelta(hours=12))
    write(beside, about, *(document(n, "rain") for n in range(3, 9)))

    assert found_ids("snow") == [about.id, beside.id]


def test_a_score_falls_to_three_quarters_within_a_week(write: Write) -> None:
    write(document(1))

    [later] = find("hello", hour=this_hour() + 24 * 7).hits
    [now] = find("hello", limit=1).hits

    assert later.score / now.score == pytest.approx(0.75, abs=0.01)


def test_pages_by_offset_repeat_and_skip_nothing(write: Write) -> None:
    write(*(document(n) for n in range(25)))

    pages = [found_ids("hello", offset=offset, limit=10) for offset in (0, 10, 20, 30)]

    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert list(chain(*pages)) == found_ids("hello")


@pytest.mark.parametrize("start", [0, 10])
def test_pages_by_cursor_repeat_nothing_while_tweets_arrive(write: Write, start: int) -> None:
    """The new tweets change the weights of words, and therefore all scores."""
    words = ["hello", "hello there", "hello hello world", "well, hello to you all"]
    write(*(document(n, words[n % 4], age=timedelta(days=n % 9)) for n in range(43)))
    expected = set(found_ids("hello")[start:])

    position: Position | None = Position(hour=this_hour(), offset=start)
    seen: list[int] = []
    number = 100
    while position:
        found = index().search(parse("hello"), position=position, limit=5)
        seen += [int(hit.key) for hit in found.hits]
        position = found.next
        write(*(document(number + n, "hello again, world") for n in range(7)))
        number += 7

    assert len(seen) == len(set(seen))
    if not start:
        assert expected <= set(seen)


def test_the_last_page_has_no_next(write: Write) -> None:
    write(*(document(n) for n in range(10)))

    first = find("hello", limit=5)
    assert first.next is not None
    second = index().search(parse("hello"), position=first.next, limit=5)

    assert (len(first.hits), len(second.hits)) == (5, 5)
    assert (first.total, second.total) == (10, 10)
    assert second.next is None


def test_a_position_whose_snapshot_is_gone_is_malformed(write: Write) -> None:
    write(*(document(n) for n in range(10)))
    first = find("hello", limit=2)
    assert first.next is not None
    second = index().search(parse("hello"), position=first.next, limit=2)
    assert second.next is not None

    index().clear()

    for position in (second.next, replace(second.next, snapshot="gone")):
        with pytest.raises(Malformed, match="expired"):
            index().search(parse("hello"), position=position, limit=2)


@pytest.mark.slow
def test_pages_reach_the_end_of_the_window(write: Write) -> None:
    write(*(document(n) for n in range(WINDOW + 50)))

    last = find("hello", offset=WINDOW - 20, limit=20)

    assert (len(last.hits), last.total) == (20, WINDOW)
