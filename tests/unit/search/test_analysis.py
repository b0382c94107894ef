from collections.abc import Sequence

import pytest
from elasticsearch.dsl import connections

from search.analysis import hashtags, tokens
from tests.unit.search.queries import CORPUS, QUERIES


def test_it_folds_accents_of_latin_letters_only() -> None:
    assert tokens("Ærø ŁÓDŹ Straße ĳs ﬁn") == ["aero", "lodz", "strass", "ij", "fin"]
    assert tokens("й が ά") == ["й", "が", "ά"]


def test_it_splits_where_lucene_does() -> None:
    assert tokens("it's 3.14, a_b: x-y @me") == ["it'", "3.14", "a_b", "x", "y", "me"]
    assert tokens("東京タワー") == ["東", "京", "タワー"]
    assert tokens("👍🏽👩\u200d👧🇫🇷1️⃣") == ["👍🏽", "👩\u200d👧", "🇫🇷", "1️⃣"]


def test_it_cuts_words_that_are_too_long() -> None:
    assert [len(token) for token in tokens("x" * 600)] == [255, 255, 90]


@pytest.mark.parametrize(
    ("words", "stem"),
    [
        (["connect", "connected", "connecting", "connections"], "connect"),
        (["pony", "ponies"], "poni"),
        (["terrible", "terribly"], "terribl"),
        (["technology", "technologies"], "technolog"),
        (["as"], "as"),
    ],
)
def test_it_stems_as_lucene_does(words: Sequence[str], stem: str) -> None:
    assert tokens(" ".join(words)) == [stem] * len(words)


def test_it_finds_hashtags_folded_and_each_once() -> None:
    text = "#Café #CAFE x#no &#39; #1 #a1 ##b #हिन्दी＃東京！ #foo-bar #_"  # noqa: RUF001

    assert hashtags(text) == ["cafe", "a1", "b", "हिन्दी", "東京", "foo"]


@pytest.mark.real
def test_elasticsearch_makes_the_same_tokens(empty_index: None) -> None:
    client = connections.get_connection()
    client.indices.create(index="tweets")  # mapped by our template

    for text in [*CORPUS.values(), *QUERIES]:
        answer = client.indices.analyze(index="tweets", field="content", text=text)

        assert [token["token"] for token in answer["tokens"]] == tokens(text)
