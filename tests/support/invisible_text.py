"""Texts with invisible characters, and characters that change the line that shows them."""

INVISIBLE = [
    "\u200b",  # zero width space
    "\u200c\u200d",
    "\u2060",
    "\u00ad",  # soft hyphen
    "\u034f",
    "\u115f\u1160",  # Hangul fillers
    "\u3164",
    "\uffa0",
    "\u2800",  # a braille pattern without dots
    "\ufffc",  # the place of an object
    "\U00016fe4",  # Khitan's filler
    "\ufe0f",
    "\U000e0020",  # a tag
    "\u200e\u202e",
    "\u200b \u3164\n\u2800",
]
VISIBLE = [
    "Alice",
    "می\u200cرود",  # a joiner inside a word
    "👩\u200d👩\u200d👧",
    "❤\ufe0f",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # a flag with tags
    "アリス\u3000花子",
    "אליס",
    "\u0301",  # an accent without a letter
    "⠁",
    "ᅟᅡ",  # a vowel after a filler
    "-",
]
BREAKING = ["\u202e", "\u202b", "\u2066", "\u2069", "\u200f", "\u200e", "\u061c", "\n", "\r", "\t",
            "\x1b", "\x7f", "\x85", "\u2028", "\u2029"]  # fmt: skip
