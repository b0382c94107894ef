"""A tweet's length is counted as the platform counts, in bounded time."""

import string
import subprocess
import sys
import time
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from common.errors import Invalid
from tweets import length
from tweets.length import check_content

FAMILY = "👨‍👩‍👧‍👦"
KISS = "👩‍❤️‍💋‍👩"
FLAG = "🏴󠁧󠁢󠁥󠁮󠁧󠁿"


@pytest.mark.parametrize(
    ("unit", "most"),
    [
        ("a", 280),
        ("é", 280),
        ("e\u0301", 280),
        ("я", 280),
        ("ع", 280),
        ("日", 140),
        ("한", 140),
        ("👩", 140),
        (FAMILY, 140),
        (FLAG, 140),
        (KISS, 140),
        ("👩🏽‍❤️‍💋‍👨🏿", 140),
        ("🧑‍🧑‍🧒‍🧒", 140),  # Unicode 15.1, as the next two
        ("🐦‍🔥", 140),
        ("🙂‍↔️", 140),
        ("🫱🏽‍🫲🏿", 140),  # 14
        ("🇨🇶", 140),  # 16
        ("👍\u200d" * 4, 93),  # four joined emoji count 2; the next join counts 1
        ("a.", 140),
        ("x.com ", 11),  # 23 and the space between
    ],
)
def test_as_many_fit_as_the_platform_lets_fit(unit: str, most: int) -> None:
    assert check_content(unit * most) == (unit * most).strip()
    with pytest.raises(Invalid):
        check_content(unit * (most + 1) + "a")


def test_a_url_counts_23_however_long_it_is() -> None:
    url = "https://example.com/" + "a" * 2000
    assert check_content(f"{url} {'a' * 256}")
    with pytest.raises(Invalid, match="it counts 281"):
        check_content(f"{url} {'a' * 257}")


@pytest.mark.parametrize("around", [" ", "\n", "\t\r\n", "\u3000", "\xa0"])
def test_white_space_around_is_cut_off_and_not_counted(around: str) -> None:
    assert check_content(f"{around}{'a' * 280}{around}") == "a" * 280


@pytest.mark.parametrize("content", ["", " ", "\n\t", "\u3000\xa0"])
def test_nothing_but_white_space_is_refused(content: str) -> None:
    with pytest.raises(Invalid, match="must not be empty"):
        check_content(content)


@pytest.mark.parametrize(
    "content", ["a\x00b", "a\ud800b", "\udfff", "a\ufffeb", "a\ufeffb", "\uffff"]
)
def test_what_no_text_holds_is_refused(content: str) -> None:
    with pytest.raises(Invalid, match="characters that are not allowed") as refused:
        check_content(content)
    assert list(refused.value.fields) == ["content"]


# twitter-text takes seconds or minutes for most of these.
SLOW = [
    "a.", "a-", "é", "é.", "é" * 60 + ".", "a-" * 30 + ".", "x.com ", "x.com/(", "co.", "日.com",
    "👩\u200d", KISS, "e\u0301\u0323",
]  # fmt: skip
STARTS = ["", "http://", "x.com/", "x.com/(", "x.com?a="]


@pytest.mark.parametrize("unit", [*SLOW, "(a)"])
@pytest.mark.parametrize("start", STARTS)
def test_a_long_text_is_measured_quickly(start: str, unit: str) -> None:
    content = (start + unit * 4000)[:4000]
    length._measure("x.com")  # imports the parser

    before = time.thread_time()
    length._measure(content)

    assert time.thread_time() - before < 0.2


@pytest.mark.parametrize("content", ["a." * 30_000, "é" * 60_000, "👩" * 4001])
def test_a_text_that_cannot_fit_is_refused_unread(content: str) -> None:
    with pytest.raises(Invalid, match=r"characters or less$"):
        check_content(content)


def test_a_long_chain_of_dots_is_counted_and_kept_as_it_is() -> None:
    assert check_content("a." * 140) == "a." * 140


def measure_by_twitter_text(content: str) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        from twitter_text import parse_tweet
    return int(parse_tweet(content).weightedLength)


@settings(deadline=None)
@given(st.text(alphabet=string.printable, min_size=1, max_size=280))
@example("a.b c. d.. 1.2 x.com")
@example("a\r\nb\rc\n\rd")
def test_ascii_counts_as_the_platform_counts_it(content: str) -> None:
    assert length._measure(content) == measure_by_twitter_text(content)


PARTS = [
    "a", "é", "日", "です", "ж", "1", "#", "@", " ", "-", "_", ".", ",", "/", "(", ")", "\n",
    "x.com", "http://", "HTTPS://", "example.co.jp", ":80", "?q=1", "t.co/abc",
    "😀", "👍🏽", FAMILY, FLAG, "🇫🇷", "1️⃣", "❤️", "©", "™",
]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join))
def test_links_and_emoji_count_as_the_platform_counts_them(content: str) -> None:
    assert length._measure(content) == measure_by_twitter_text(content)


def test_importing_it_warns_of_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", "import tweets.length"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
