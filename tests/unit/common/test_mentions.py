# ruff: noqa: RUF001
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.usernames import is_username
from common.text.mentions import find_mentions
from tests.support.linear import assert_linear
from tests.support.shared_data import read_conformance


def mentions(text: str) -> list[str]:
    return [text[start + 1 : end] for start, end in find_mentions(text)]


def test_mentions_are_those_of_twitter_text() -> None:
    cases = {case["text"]: case["expected"] for case in read_conformance("mentions")}

    assert {text: mentions(text) for text in cases} == cases


def test_mentions_are_found_where_twitter_text_finds_them() -> None:
    cases = read_conformance("mentions_with_indices")

    found = [find_mentions(case["text"]) for case in cases]

    assert found == [[tuple(name["indices"]) for name in case["expected"]] for case in cases]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@alice, @bob: (@carol) ＠dora", ["alice", "bob", "carol", "dora"]),
        ("@alice.b. @alice-b- @_", ["alice.b", "alice-b", "_"]),
        ("@alice's @bobです の@carolに", ["alice", "bob", "carol"]),
        ("@ @. @é alice@example.com @alice@example.com @@alice", []),
        ("RT@alice rt @bob art@carol", ["alice", "bob"]),
        ("@" + "a" * 31, []),
        ("x.com/@alice http://x.com/@bob @carol", ["carol"]),
    ],
)
def test_a_mention_is_a_sign_and_a_username(text: str, names: list[str]) -> None:
    assert mentions(text) == names


@given(st.from_regex("[A-Za-z0-9_.-]{1,30}", fullmatch=True).filter(is_username))
def test_each_username_can_be_mentioned(username: str) -> None:
    assert mentions(f"hello @{username}!") == [username]


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    assert find_mentions(text) == sorted(find_mentions(text))


@pytest.mark.parametrize("unit", ["@", "@a", "@a ", "@a.", "RT@", "a@", "x.com/@a ", "@" * 3 + "é"])
def test_time_is_linear_in_the_length(unit: str) -> None:
    assert_linear(find_mentions, lambda length: (unit * length)[:length])
