"""Folds the spellings of a word into one.

Latin and Greek letters lose their accents: a letter that decomposes into an ASCII or Greek letter
and marks becomes that letter. The table holds the folds that Unicode's decompositions don't give.
Letters of other scripts keep their marks: й is not и, が is not か. Only the points of Hebrew and
Arabic are dropped, which most writers leave out.
"""

import re
import unicodedata
from functools import lru_cache

from common.text.emoji import PICTOGRAPH

# Pairs of a replacement and the lower-case letters that it replaces.
_FOLDS = """
    a ɐəɚᶏᶕẚₐₔⱥ  aa ꜳ  ae æǣǽᴂ  ao ꜵ  au ꜷ  av ꜹꜻ  ay ꜽ  A ᴀ  AE ᴁ
    b ƀƃɓᵬᶀ  B ʙᴃ  c ƈȼɕↄꜿ  C ʗᴄ  d ðđƌȡɖɗᵭᶁᶑꝺ  db ȸ  dz ǆǳʣʥ  D ᴅᴆ
    e ǝɇɘɛɜɝɞʚᴈᶒᶓᶔₑⱸ  E ᴇⱻ  f ƒᵮᶂẛꝼ  ff ﬀ  ffi ﬃ  ffl ﬄ  fi ﬁ  fl ﬂ  F ꜰꟻ
    g ɠɡᵷᵹᶃꝿ  G ǥǧɢʛ  h ħɥɦʮʯⱨⱶ  hv ƕ  H ʜ  i ıɨᴉᵢᵼᶖⁱ  ij ĳ  I ɪᵻꟾ
    j ȷɉɟʄʝⱼ  J ᴊ  k ƙʞᶄⱪꝁꝃꝅ  K ᴋ  l ŀłƚȴɫɬɭᶅⱡꝇꝉꞁ  lj ǉ  ll ỻ  ls ʪ  lz ʫ  L ʟᴌ
    m ɯɰɱᵯᶆ  M ᴍꟽꟿ  n ŉŋƞȵɲɳᵰᶇⁿ  nj ǌ  N ɴᴎ  o øǿɔɵᴖᴗᶗₒⱺꝋꝍ  oe œᴔ  oo ꝏ  ou ȣ
    O ᴏᴐ  OE ɶ  OU ᴕ  p ƥᵱᵽᶈꝑꝓꝕꟼ  P ᴘ  q ĸɋʠꝗꝙ  qp ȹ  r ɍɼɽɾɿᵣᵲᵳᶉꝛꞃ  R ʀʁᴙᴚ
    s ſȿʂᵴᶊẜẝ  ss ß  st ﬆ  S ꜱꞅ  t ŧƫƭȶʇʈᵵⱦ  tc ʨ  th þᵺꝧ  ts ʦ  tz ꜩ  T ᴛ
    u ʉᵤᶙ  ue ᵫ  U ᴜᵾ  v ʋʌᵥᶌⱱⱴꝟ  vy ꝡ  V ᴠ  w ƿʍⱳ  W ᴡ  x ᶍₓ  y ƴɏʎỿ  Y ʏ
    z ƶȝȥɀʐʑᵶᶎⱬꝣ  Z ᴢ  ' ‘’׳  " ״  !! ‼  !? ⁉
    σ ς  е ё  ا أإآٱ  ه ةۀ  ي ىی  ك ک
"""  # noqa: RUF001
_PAIRS = _FOLDS.split()
_TABLE = {
    letter: fold.lower()
    for fold, letters in zip(_PAIRS[::2], _PAIRS[1::2], strict=True)
    for letter in letters
}
_CIRCLED = range(0x24D0, 0x24EA)
_FULL_WIDTH = range(0xFF01, 0xFF5F)
_GREEK = range(0x370, 0x400)

_HALF_WIDTH = re.compile("[\uff61-\uffdc]+")  # of katakana and Korean
_INVISIBLE = (
    "\u00ad"  # the soft hyphen
    "\u034f\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufe00-\ufe0f\U000e0100-\U000e01ef"  # variation selectors
)
_MARKS = (
    "\u0300-\u036f"  # accents that NFC does not compose with a letter
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"  # Hebrew
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
)
_MIDDLE_DOTS = "·\u0387\u2027"  # as in Catalan "il·lusió"
_DROPPED = re.compile(
    f"[{_INVISIBLE}{_MARKS}{_MIDDLE_DOTS}]"
    rf"|(?!\A)[\U0001f3fb-\U0001f3ff]"  # skin tones
    rf"|\A\u200d|\u200d(?!{PICTOGRAPH})"  # joiners outside emoji
)


def fold(text: str) -> str:
    """In lower case, without accents and invisible characters. May be empty."""
    if text.isascii():
        return text.lower()
    text = _HALF_WIDTH.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return "".join(map(_fold, _DROPPED.sub("", text)))


@lru_cache(maxsize=10_000)
def _fold(character: str) -> str:
    character = character.lower()
    if known := _TABLE.get(character):
        return known
    code = ord(character[0])
    is_styled = code in _CIRCLED or code in _FULL_WIDTH
    parts = unicodedata.normalize("NFKD" if is_styled else "NFD", character)
    folded = "".join(part for part in parts if not unicodedata.combining(part))
    if folded and (folded.isascii() or ord(folded[0]) in _GREEK):
        return folded
    return character
