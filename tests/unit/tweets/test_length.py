"""A tweet's length is the sum of twitter-text's weights."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Invalid
from tests.support.linear import assert_linear
from tweets.length import check_content, measure

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
def test_as_many_fit_as_on_the_platform(unit: str, most: int) -> None:
    assert check_content(unit * most) == (unit * most).strip()
    with pytest.raises(Invalid):
        check_content(unit * (most + 1) + "a")


def test_a_link_of_any_length_counts_23() -> None:
    url = "https://example.com/" + "a" * 2000
    assert check_content(f"{url} {'a' * 256}")
    with pytest.raises(Invalid, match="it counts 281"):
        check_content(f"{url} {'a' * 257}")


@pytest.mark.parametrize("around", [" ", "\n", "\t\r\n", "\u3000", "\xa0"])
def test_white_space_around_is_stripped_and_not_counted(around: str) -> None:
    assert check_content(f"{around}{'a' * 280}{around}") == "a" * 280


@pytest.mark.parametrize("content", ["", " ", "\n\t", "\u3000\xa0"])
def test_white_space_alone_is_refused(content: str) -> None:
    with pytest.raises(Invalid, match="must not be empty"):
        check_content(content)


@pytest.mark.parametrize(
    "content", ["a\x00b", "a\ud800b", "\udfff", "a\ufffeb", "a\ufeffb", "\uffff"]
)
def test_characters_that_cannot_be_stored_are_refused(content: str) -> None:
    with pytest.raises(Invalid, match="cannot be stored") as refused:
        check_content(content)
    assert list(refused.value.fields) == ["content"]


# Each weight is twitter-text's.
WEIGHTS = [
    ("hello", 5),
    ("a\r\nb", 3),
    ("a\rb", 3),
    ("a\n\rb", 4),
    ("é", 1),
    ("e\u0301", 1),
    ("жя", 2),
    ("ع", 1),
    ("日本語", 6),
    ("한국어", 6),
    ("“x”—", 4),
    ("…", 2),
    ("€", 2),
    ("©", 2),
    ("\u200d", 1),
    ("\ufe0f", 2),
    ("😀", 2),
    ("😀😀", 4),
    ("👍🏽", 2),
    (FAMILY, 2),
    (KISS, 2),
    (FLAG, 2),
    ("❤️", 2),
    ("1️⃣", 2),
    ("🇫🇷", 2),
    ("🇫", 2),
    ("x.com", 23),
    ("see x.com.", 28),
    ("x.com,y.org", 47),
    ("日本x.comです", 31),
    ("x.com/a(b)c", 23),
    ("x.com/!(a)", 27),
    ("x.com?q=1", 27),
    ("x.com/?q=1", 23),
    ("x.com:80", 26),
    ("x.com:80/a", 23),
    ("http://x.com?q=1.", 24),
    ("HTTPS://X.COM/é", 23),
    ("http://x.com/😀", 25),
    ("http://t.co/abcé", 24),
    ("http://t.co/" + "a" * 40, 23),
    ("http://t.co/" + "a" * 41, 53),
    ("http://x.com/" + "a" * 3000, 23),
    ("x.com/" + "(a)" * 20, 23),
    ("a@x.com", 7),
    ("@x.com", 6),
    ("-x.com", 6),
    ("x.invalid", 9),
    ("a.b c. d.. 1.2 x.com", 38),
    ("x.香港", 23),
    ("пример.рф", 9),
    ("http://пример.рф/ж", 23),
    ("ftp://x.com/a", 13),
    ("http://localhost/", 17),
    ("a" * 63 + ".com", 23),
    ("a" * 64 + ".com", 68),
]


@pytest.mark.parametrize(("content", "weight"), WEIGHTS)
def test_each_part_counts_its_weight(content: str, weight: int) -> None:
    assert measure(content) == weight


@given(st.lists(st.sampled_from(WEIGHTS), max_size=14))
def test_parts_between_spaces_count_the_sum_of_their_weights(parts: list[tuple[str, int]]) -> None:
    content = " ".join(content for content, _ in parts)

    assert measure(content) == sum(weight for _, weight in parts) + max(len(parts) - 1, 0)


@given(st.text(alphabet=string.ascii_letters + string.digits + " \n!#@/()?&=,;:'", max_size=280))
def test_ascii_without_a_dot_counts_its_characters(content: str) -> None:
    assert measure(content) == len(content)


UNITS = [
    "a.", "a-", "é", "é.", "é" * 60 + ".", "a-" * 30 + ".", "x.com ", "x.com/(", "co.", "日.com",
    "👩\u200d", KISS, "e\u0301\u0323", "(a)",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("start", ["", "x.com/("])
def test_time_is_linear_in_the_length(start: str, unit: str) -> None:
    assert_linear(measure, lambda length: (start + unit * length)[:length])


@pytest.mark.parametrize("content", ["a." * 30_000, "é" * 60_000, "👩" * 4001])
def test_a_text_of_over_4000_characters_is_refused_without_parsing(content: str) -> None:
    with pytest.raises(Invalid, match=r"characters long$"):
        check_content(content)


def test_a_long_chain_of_dots_is_no_link() -> None:
    assert check_content("a." * 140) == "a." * 140
