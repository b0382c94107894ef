"""Characters that are not drawn, and characters that change the line that shows them."""

import re

# White space; control characters; Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt
# of Unicode 14, with unassigned ones); and characters with an empty glyph: annotation marks, the
# blank braille pattern, a note without a head.
_INVISIBLE = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    r"\ufff9-\ufffc\u2800\U0001d159\U00016fe4]+"
)
# Control characters, line and paragraph separators, and Unicode's Bidi_Control.
_NOT_IN_A_LINE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def is_invisible(text: str) -> bool:
    """Whether the text has only invisible characters. Empty text is not invisible."""
    return _INVISIBLE.fullmatch(text) is not None


def breaks_line(text: str) -> bool:
    """Whether the text would break the line that shows it, or reverse its direction."""
    return _NOT_IN_A_LINE.search(text) is not None
