"""Validation of display names and bios."""

from common.errors import Invalid
from common.text.invisible import breaks_line, is_invisible

_NOT_VISIBLE = "must contain a visible character"
_LEAVES_LINE = "must not contain direction marks, control characters or line breaks"


def check_profile(*, display_name: str | None, bio: str | None) -> None:
    """Raises `Invalid`. None and empty texts are valid."""
    fields = {}
    if display_name and breaks_line(display_name):
        fields["display_name"] = [_LEAVES_LINE]
    elif display_name and is_invisible(display_name):
        fields["display_name"] = [_NOT_VISIBLE]
    if bio and is_invisible(bio):
        fields["bio"] = [_NOT_VISIBLE]
    if fields:
        name = next(iter(fields))
        raise Invalid(f"{name}: {fields[name][0]}", fields=fields)
