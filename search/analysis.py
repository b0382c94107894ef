"""What makes two spellings one word: the analysis that both back ends share.

Elasticsearch analyses by itself (`standard` tokenizer, `lowercase`, `asciifolding`, `porter_stem`);
SQLite's FTS5 is given the tokens made here, by the same rules, so that both find the same tweets.
What remains different, beside the order of the hits (FTS5's BM25 counts a little otherwise):

- Unicode versions: Lucene 9 knows 12.1 and Python a newer one, so letters and emoji added since are
  words here and may be none there.
- Malformed sequences: a keycap on a modified asterisk, a skin colour joined to another emoji, tag
  characters after a Hebrew apostrophe. Some 5 in 40,000 random strings made of such parts.
- Phonetic small capitals: ɢ is a g to FTS5, which knows no upper case, and none to Lucene.
- Words in an index that someone made with a mapping of their own: Elasticsearch obeys that mapping.
"""

import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer  # type: ignore[import-untyped]

from search import folding, segmentation

_porter = snowballstemmer.stemmer("porter")
_porter_lock = threading.Lock()  # it keeps the word at hand in itself

# Lucene's Porter has its author's later rules, -bli → -ble and -logi → -log, which Snowball's
# lacks; both need a vowel and a consonant before them. Porter has made an i of a final y by then.
_LATER_RULES = re.compile(r"^(.*(?:[aeiou]|[^aeiou]y)[^aeiou].*?)(?:(bl)|(log))(?:y|i|ies)$")

# A hashtag doesn't begin inside a word or an HTML entity.
_HASHTAG_SIGN = re.compile(r"(?<![\w&])[#＃]")  # noqa: RUF001 a sign of East Asian keyboards


def normalise(text: str) -> str:
    """Composes letters and accents. Lucene takes an accent by itself for a letter's part."""
    return unicodedata.normalize("NFC", text)


def tokens(text: str) -> list[str]:
    return [_stem(folding.fold(word)) for word in segmentation.split(text)]


def hashtags(text: str) -> list[str]:
    """The hashtags of a tweet, folded, without their signs, each once."""
    return list(dict.fromkeys(tag for tag, _, _ in find_hashtags(text)))


def find_hashtags(text: str) -> list[tuple[str, int, int]]:
    """Each hashtag, folded, with where it begins (at its sign) and ends."""
    found = []
    for sign in _HASHTAG_SIGN.finditer(text):
        end = sign.end()
        while end < len(text) and _in_hashtag(text[end]):
            end += 1
        name = text[sign.end() : end]
        if any(character.isalpha() for character in name):  # "#1" is a number
            found.append((folding.fold(name), sign.start(), end))
    return found


def _in_hashtag(character: str) -> bool:
    return character.isalnum() or character == "_" or unicodedata.category(character)[0] == "M"


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    if len(word) <= 2:
        return word
    if word.endswith(("y", "i", "ies")):
        word = _LATER_RULES.sub(lambda m: m[1] + ("ble" if m[2] else "log"), word)
    with _porter_lock:
        return str(_porter.stemWord(word))
