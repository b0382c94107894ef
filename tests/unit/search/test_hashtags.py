# ruff: noqa: RUF001
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.hashtags import find_hashtags, hashtags
from tests.support.linear import assert_linear
from tests.support.shared_data import read_conformance


@pytest.mark.parametrize("section", ["hashtags", "hashtags_from_astral"])
def test_hashtags_are_those_of_twitter_text(section: str) -> None:
    cases = {case["text"]: case["expected"] for case in read_conformance(section)}

    found = {text: [text[t.start + 1 : t.end] for t in find_hashtags(text)] for text in cases}

    assert found == cases


def test_hashtags_are_found_where_twitter_text_finds_them() -> None:
    cases = read_conformance("hashtags_with_indices")

    found = [[[t.start, t.end] for t in find_hashtags(case["text"])] for case in cases]

    assert found == [[tag["indices"] for tag in case["expected"]] for case in cases]


def test_hashtags_are_folded_and_each_named_once() -> None:
    text = "#Café #CAFE x#no &#39; #1 #a1 ##b #हिन्दी ＃東京！ #foo-bar #_ #خانه‌ها #Ёж"

    assert hashtags(text) == ["cafe", "a1", "b", "हिन्दी", "東京", "foo", "خانهها", "еж"]


@pytest.mark.parametrize(
    "url",
    [
        "http://x.com/#a",
        "HTTPS://X.COM/page/#a",
        "x.com/#a",
        "x.com#a",
        "www.x.com/page/#a",
        "(x.com/page/#a)",
        "see:http://x.com/#a",
        "http://x.com/?q=a/#b",
        "https://t.co/abc/#a",
        "https://пример.рф/#a",
        "http://x.com/東京/#駅",
        "x.com/東京/#駅",
        "http://localhost:8000/#a",
        "http://127.0.0.1/#a",
        "http://name@x.com/#a",
        "ftp://x.com/#a",
    ],
)
def test_the_fragment_of_a_url_is_no_hashtag(url: str) -> None:
    assert hashtags(f"#before {url} #after") == ["before", "after"]


def test_a_hashtag_may_follow_a_url() -> None:
    assert hashtags("(http://x.com/a)#b http://x.com/a、#東京") == ["b", "東京"]


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    hashtags(text)


@pytest.mark.parametrize(
    "unit", ["#", "#a", "#a ", "x.com/#a ", "a://b/#c", "#日", "a://", "x.com/#"]
)
def test_time_is_linear_in_the_length(unit: str) -> None:
    assert_linear(find_hashtags, lambda length: (unit * length)[:length])
