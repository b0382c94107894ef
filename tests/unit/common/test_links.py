from common.text.links import find_links
from tests.support.shared_data import read_conformance


def test_links_are_what_twitter_text_calls_urls() -> None:
    cases = {test["text"]: test["expected"] for test in read_conformance("urls")}

    found = {text: [text[start:end] for start, end in find_links(text)] for text in cases}

    assert found == cases


def test_links_are_found_where_twitter_text_finds_them() -> None:
    cases = read_conformance("urls_with_indices")

    found = [find_links(case["text"]) for case in cases]

    assert found == [[tuple(url["indices"]) for url in case["expected"]] for case in cases]


def test_a_name_longer_than_a_domain_is_no_link() -> None:
    assert find_links("a." * 140 + "com") == []
    assert find_links("a" * 64 + ".com") == []
