import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.query import parse


@pytest.mark.parametrize(
    ("text", "phrases", "hashtags"),
    [
        ("two words", ["two", "words"], []),
        ("two two", ["two"], []),
        ('a "b c" d', ["a", "b c", "d"], []),
        ("a “b c” d", ["a", "b c", "d"], []),
        ('a "b c', ["a", "b", "c"], []),
        ('צה"ל', ['צה"ל'], []),
        ("#Tag word #Tag", ["word"], ["tag"]),
        ("#foo-bar", ["bar"], ["foo"]),
        ('"#tag in quotes"', ["tag in quotes"], []),
        ("a AND (b OR NOT c)", ["a", "AND", "b", "OR", "NOT", "c"], []),
        ("wild*", ["wild"], []),
        ("state-of-the-art", ["state-of-the-art"], []),
        ("#Arsenal's win", ["Arsenal's", "win"], ["arsenal"]),
        ("#v1.5", ["v1.5"], ["v1"]),
        ("*** () !", [], []),
        ("", [], []),
    ],
)
def test_a_query_has_phrases_and_hashtags(
    text: str, phrases: list[str], hashtags: list[str]
) -> None:
    query = parse(text)

    assert [phrase.text for phrase in query.phrases] == phrases
    assert query.hashtags == tuple(hashtags)


@given(st.text(max_size=500))
def test_any_text_can_be_parsed(text: str) -> None:
    parse(text)
