# ruff: noqa: RUF001
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import segmentation
from search.analysis import tokens


def test_only_latin_and_greek_letters_lose_their_accents() -> None:
    assert tokens("Ærø ŁÓDŹ Straße ĳs ﬁn ά") == ["aero", "lodz", "strass", "ij", "fin", "α"]
    assert tokens("й が") == ["й", "が"]


@pytest.mark.parametrize(
    "spellings",
    [
        "ΣΊΣΥΦΟΣ Σίσυφος σισυφοσ",
        "Ёлка елка",
        "за\u0301мок замок",
        "שָׁלוֹם שלום",
        'צה"ל צה״ל',
        "السَّلامُ السلام الســـلام",
        "أحمد احمد",
        "می\u200cخواهم میخواهم ميخواهم",
        "ｻｯｶｰ サッカー",
        "ﾊﾟﾊﾟ パパ",
        "ｈｅｌｌｏ hello",
        "so\u00adft\u00adware software",
        "👍 👍🏽 👍🏿",
        "❤ ❤\ufe0f ❤\ufe0e",
        "👩🏽\u200d🚀 👩\u200d🚀",
        "il·lusió illusió il\u2027lusió",
        "it's it’s it＇s it",
        "l'homme l’homme homme qu'homme",
        "_word_ word",
    ],
)
def test_all_spellings_of_a_word_give_one_token(spellings: str) -> None:
    assert len({tuple(tokens(word)) for word in spellings.split()}) == 1


@pytest.mark.parametrize(
    "words",
    [
        "news new",
        "university universe universal",
        "organ organic organize",
        "policy police",
        "и й",
        "👩\u200d👧 👩",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 🏴",
        "🇫🇷 🇩🇪",
    ],
)
def test_different_words_give_different_tokens(words: str) -> None:
    assert len({tuple(tokens(word)) for word in words.split()}) == len(words.split())


def test_text_is_split_at_the_ends_of_words() -> None:
    assert tokens("3.14, a_b: x-y @me l'eau\u202f!") == ["3.14", "a_b", "x", "y", "me", "eau"]
    assert tokens("see:www.example.com/a") == ["see", "www", "exampl", "com", "a"]
    assert tokens("👍👩\u200d👧🇫🇷") == ["👍", "👩\u200d👧", "🇫🇷"]


def test_scripts_without_spaces_give_characters_and_bigrams() -> None:
    assert tokens("東京タa") == ["東", "東京", "京", "京タ", "タ", "a"]
    assert tokens("서울은") == ["서", "서울", "울", "울은", "은"]
    assert tokens("ที่นี่") == ["ที่", "ที่นี่", "นี่"]


def test_long_words_are_cut() -> None:
    assert [len(token) for token in tokens("x" * 600)] == [255, 255, 90]


@pytest.mark.parametrize(
    ("words", "stem"),
    [
        (["connect", "connected", "connecting", "connections"], "connect"),
        (["pony", "ponies"], "poni"),
        (["terrible", "terribly"], "terribl"),
        (["technology", "technologies"], "technolog"),
        (["runner", "runners", "runner's"], "runner"),
        (["as"], "as"),
    ],
)
def test_forms_of_a_word_have_one_stem(words: Sequence[str], stem: str) -> None:
    assert tokens(" ".join(words)) == [stem] * len(words)


@given(
    st.text(alphabet="aB1_'.,;:#*\" -@/\n", max_size=40) | st.text(st.characters(max_codepoint=127))
)
def test_ascii_text_is_split_like_other_text(text: str) -> None:
    *pieces, last = segmentation.split(f"{text} é")
    assert list(segmentation.split(text)) == pieces
    assert last.text == "é"


def test_long_ascii_words_are_cut_like_others() -> None:
    long = "a" * 600
    assert [piece.end for piece in segmentation.split(long)] == [255, 510, 600]
    assert [piece.end for piece in segmentation.split(f"{long} é")] == [255, 510, 600, 602]
