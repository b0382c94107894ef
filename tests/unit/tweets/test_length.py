"""A tweet's length is counted as the platform counts, in bounded time."""

import string
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis.strategies import text

from common.errors import Invalid
from tweets import length
from tweets.length import check_content

FAMILY = "👨‍👩‍👧‍👦"
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


# Each of these takes the parser minutes when it is given the text as it is.
@pytest.mark.parametrize(
    "content", ["a." * 2000, "http://" + "a." * 1990, "é." * 30_000, "a-" * 30_000, "é" * 60_000]
)
def test_a_text_made_to_be_slow_is_refused_quickly(content: str) -> None:
    with pytest.raises(Invalid):
        check_content(content)


def test_a_long_chain_of_dots_is_counted_and_kept_as_it_is() -> None:
    assert check_content("a." * 140) == "a." * 140


@given(text(alphabet=string.printable, min_size=1, max_size=280))
@example("a.b c. d.. 1.2 x.com")
@example("a\r\nb\rc\n\rd")
def test_what_is_measured_without_the_parser_is_measured_as_by_it(content: str) -> None:
    parsed = length._parser()(content)
    assert length._measure(content) == (parsed.weightedLength, True)


def test_importing_it_warns_of_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", "import tweets.length"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
