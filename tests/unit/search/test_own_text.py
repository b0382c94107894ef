# ruff: noqa: RUF001
"""A tweet is found by its own text, and both back ends find the same tweets."""

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search import analysis
from search.backends.sqlite import SqliteIndex
from search.hashtags import hashtags
from search.index import WINDOW, Found, Position, index, this_hour
from search.query import parse
from tests.support.search import Write, document, found_ids
from tests.support.shared_data import read_shared

PARTS = [
    "a", "word", "Café", "news", "it's", "rock'n'roll", "l'eau", "#", "#tag", "#Arsenal's",
    "＃ｔａｇ", "&", "1", "1.5", "v1.5", "x.com", "http://", "/", "?q=", "#a", "://", "@me", "_",
    "-", ".", ":", "'", "’", '"', "“", "”", "«", "״", "(", ")", ",", " ", "  ", "\n", "\u202f",
    "\u3000", "\u200b", "\u200c", "\u200d", "\u00ad", "\ufe0f", "\ufe0e", "\u0301", "·", "\u20e3",
    "\u2028", "東京", "タワー", "ｶﾞ", "ﾞ", "ひ", "々", "서울은", "ㅋㅋ", "ไทย", "ที่", "မြန်", "שָׁלוֹם",
    "צה\"ל", "السَّلام", "می‌خواهم", "ශ්‍රී", "हिन्दी", "Ёж", "Σίσυφος", "ɢ", "İ", "ß", "ﬁ",
    "😀", "👍🏽", "🏽", "👩‍❤️‍💋‍👩", "🇫🇷", "🇫", "❤", "❤️", "1️⃣", "©", "™", "\U00016f04", "\U00020021",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PARTS), max_size=20).map("".join) | st.text(max_size=60)


def is_found(text: str) -> bool:
    """Whether the text, as a query, matches itself."""
    text = analysis.normalise(text)
    query, tokens = parse(text), f" {' '.join(analysis.tokens(text))} "
    return set(query.hashtags) <= set(hashtags(text)) and all(
        f" {' '.join(phrase.tokens)} " in tokens for phrase in query.phrases
    )


@settings(max_examples=2_000, deadline=None)
@given(TEXTS)
def test_any_text_matches_itself(text: str) -> None:
    assert is_found(text)


def test_each_real_tweet_matches_itself() -> None:
    lost = [text for text in read_shared("tweets/tweets.txt").splitlines() if not is_found(text)]

    assert lost == []


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=8
)
@given(st.lists(TEXTS.filter(parse), min_size=20, max_size=40))
def test_any_tweet_is_found_by_its_own_text(write: Write, texts: list[str]) -> None:
    index().clear()
    entries = [document(number, text) for number, text in enumerate(texts)]
    write(*entries)

    lost = [entry.content for entry in entries if entry.id not in found_ids(entry.content)]

    assert lost == []


@pytest.fixture
def real_tweets(write: Write) -> list[str]:
    texts = read_shared("tweets/tweets.txt").splitlines()
    write(*(document(number, text, age=timedelta(days=1)) for number, text in enumerate(texts)))
    return texts


def test_a_real_tweet_is_found_by_its_own_text(real_tweets: list[str]) -> None:
    draw = random.Random(1)

    lost = [
        text
        for text in draw.sample(real_tweets, 300)
        if text not in contents_found(index().search, text)
    ]

    assert lost == []


@pytest.mark.real
def test_both_back_ends_find_the_same(real_tweets: list[str], tmp_path: Path) -> None:
    embedded = SqliteIndex(str(tmp_path / "search.sqlite3"))
    embedded.write(document(number, text) for number, text in enumerate(real_tweets))
    draw = random.Random(1)
    words = [word for text in draw.sample(real_tweets, 300) for word in text.split()]
    queries = [" ".join(draw.sample(words, draw.choice([1, 1, 2]))) for _ in range(300)]

    assert {query: contents_found(index().search, query) for query in queries} == {
        query: contents_found(embedded.search, query) for query in queries
    }


def contents_found(search: Callable[..., Found], text: str) -> set[str]:
    found = search(parse(text), position=Position(hour=this_hour()), limit=WINDOW)
    return {hit.source["content"] for hit in found.hits}
