# ruff: noqa: RUF001
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.text.links import find_links
from tests.support.linear import assert_linear
from tests.support.shared_data import read_conformance


def links(text: str) -> list[str]:
    return [text[start:end] for start, end in find_links(text)]


@pytest.mark.parametrize("section", ["urls", "tco_urls_with_params"])
def test_links_are_those_of_twitter_text(section: str) -> None:
    cases = {case["text"]: case["expected"] for case in read_conformance(section)}

    assert {text: links(text) for text in cases} == cases


@pytest.mark.parametrize("section", ["urls_with_indices", "urls_with_directional_markers"])
def test_links_are_found_where_twitter_text_finds_them(section: str) -> None:
    cases = read_conformance(section)

    found = [find_links(case["text"]) for case in cases]

    assert found == [[tuple(url["indices"]) for url in case["expected"]] for case in cases]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see x.com.", ["x.com"]),
        ("x.com,y.org", ["x.com", "y.org"]),
        ("WWW.X.COM", ["WWW.X.COM"]),
        ("x.BİZ", ["x.BİZ"]),
        ("x.香港", ["x.香港"]),
        ("x.嘉里大酒店", ["x.嘉里大酒店"]),
        ("xn--p1ai.xn--p1ai", ["xn--p1ai.xn--p1ai"]),
        ("日本x.comです", ["x.com"]),
        ("éa.com éa.com", ["a.com", "éa.com"]),
        ("a.com日x.org", ["a.com", "x.org"]),
        ("http://a.com日x.org", ["http://a.com日x.org"]),
        ("http://пример.рф/ж", ["http://пример.рф/ж"]),
        ("пример.рф", []),
        ("a@x.com @x.com #x.com $x.com -x.com /x.com ../x.com", []),
        ("x.com- x.invalid 1.2 localhost.", []),
        ("a_b.com http://a_b.com", []),
        ("http://a_b.x.com", ["http://a_b.x.com"]),
        ("x.com:80 x.com:80/a", ["x.com", "x.com:80/a"]),
        ("x.com?q=1 x.com/?q=1 http://x.com?q=1.", ["x.com", "x.com/?q=1", "http://x.com?q=1"]),
        ("x.com/a(b(c)d)e x.com/(a)(b)", ["x.com/a(b(c)d)e", "x.com/(a)(b)"]),
        ("x.com/a((b)) x.com/a(((b)))", ["x.com/a((b))", "x.com/a"]),
        ("x.com/!(a) x.com/a!(b)", ["x.com/", "x.com/a"]),
        ("(x.com/a) x.com/a(b", ["x.com/a", "x.com/a"]),
        ("x.com/http://y.com", ["x.com/http://y.com"]),
        ("http://http://x.com", ["http://x.com"]),
        ("ahttp://x.com ftp://x.com", []),
        ("http://t.co/abcé", ["http://t.co/abc"]),
        ("http://t.co/" + "a" * 40, ["http://t.co/" + "a" * 40]),
        ("http://t.co/" + "a" * 41, []),
    ],
)
def test_links_begin_and_end_where_a_reader_expects(text: str, expected: list[str]) -> None:
    assert links(text) == expected


def test_a_domain_has_at_most_253_characters_and_63_in_a_label() -> None:
    assert links("a." * 124 + "com") == ["a." * 124 + "com"]
    assert links("a." * 140 + "com") == []
    assert links("a" * 63 + ".com") == ["a" * 63 + ".com"]
    assert links("a" * 64 + ".com") == []


def test_a_url_has_at_most_4096_characters_with_its_protocol_twice() -> None:
    longest = "http://x.com/" + "a" * (4096 - len("http://http://x.com/"))

    assert links(longest) == [longest]
    assert links(longest + "a") == []


@given(st.text(max_size=300))
def test_any_text_is_taken(text: str) -> None:
    assert find_links(text) == sorted(find_links(text))


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            ["a", "é", "日", "x.com", "/", "(", ")", "?", "http://", ".", "_", "-", "!"]
        ),
        max_size=20,
    ).map("".join)
)
def test_links_do_not_overlap(text: str) -> None:
    positions = [position for link in find_links(text) for position in link]

    assert positions == sorted(positions)


UNITS = [
    "a", ".", "a.", "a-", "-.", "_.", "é", "é.", "é" * 60 + ".", "a-" * 30 + ".", "co.", "日.com",
    "x.com ", "x.com,", "x.com/(", "x.com/–", "x.com?!", "x.com日-.", "(a)", "!", "!(a)", "((a",
    "http://", "http://x.com/!", "http://t.co/a", "xn--a.", "@x.com", "👩\u200d", "e\u0301\u0323",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("start", ["", "http://", "x.com/", "x.com/(", "x.com?a="])
def test_time_is_linear_in_the_length(start: str, unit: str) -> None:
    assert_linear(find_links, lambda length: (start + unit * length)[:length])
