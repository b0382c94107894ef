"""The rules for a profile's texts."""

from common.errors import Invalid
from common.text.invisible import is_invisible, leaves_its_line

_MUST_BE_SEEN = "must contain a visible character"
_MUST_STAY_IN_LINE = "must not contain direction marks, control characters or line breaks"


def check_profile(*, display_name: str | None, bio: str | None) -> None:
    """Raises `Invalid`. What is None or empty is fine."""
    fields = {}
    if display_name and leaves_its_line(display_name):
        fields["display_name"] = [_MUST_STAY_IN_LINE]
    elif display_name and is_invisible(display_name):
        fields["display_name"] = [_MUST_BE_SEEN]
    if bio and is_invisible(bio):
        fields["bio"] = [_MUST_BE_SEEN]
    if fields:
        name = next(iter(fields))
        raise Invalid(f"{name}: {fields[name][0]}", fields=fields)
