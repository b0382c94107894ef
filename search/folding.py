"""Letters without their accents, as Lucene's `asciifolding` filter folds them.

A letter that decomposes into an ASCII letter and marks becomes that letter; the table holds the
folds that don't follow from Unicode's decompositions. Letters of other scripts keep their marks:
й is not и, and が is not か.
"""

import unicodedata
from functools import lru_cache

# What it becomes, and the lower-case letters that do. Small capitals become capitals: Lucene folds
# after it has made lower case.
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
    z ƶȝȥɀʐʑᵶᶎⱬꝣ  Z ᴢ  ' ‘’  !! ‼  !? ⁉
"""  # noqa: RUF001 of all places
_PAIRS = _FOLDS.split()
_TABLE = {
    letter: fold
    for fold, letters in zip(_PAIRS[::2], _PAIRS[1::2], strict=True)
    for letter in letters
}
_CIRCLED = range(0x24D0, 0x24EA)
_FULL_WIDTH = range(0xFF01, 0xFF5F)


def fold(text: str) -> str:
    """Lower case without accents."""
    return text.lower() if text.isascii() else "".join(map(_fold, text))


@lru_cache(maxsize=10_000)
def _fold(character: str) -> str:
    # One by one: Java's lower case of a sigma does not depend on where in the word it stands.
    character = character.lower()
    if known := _TABLE.get(character):
        return known
    code = ord(character[0])
    is_styled = code in _CIRCLED or code in _FULL_WIDTH
    parts = unicodedata.normalize("NFKD" if is_styled else "NFD", character)
    folded = "".join(part for part in parts if not unicodedata.combining(part))
    return folded if folded.isascii() and folded else character
