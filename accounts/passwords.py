"""The rule for passwords, and the form in which they are hashed."""

import unicodedata

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError

# In characters of the composed form, with no other rule: by the contract with clients.
MIN_LENGTH, MAX_LENGTH = 7, 128


def compose(password: str) -> str:
    """In NFC: keyboards send the same accented letter as one character or as two."""
    return unicodedata.normalize("NFC", password)


def encode(password: str) -> str:
    """The hash of a new password."""
    return make_password(compose(password))


class LengthValidator:
    """Holds Django's own forms and commands to the API's rule (`AUTH_PASSWORD_VALIDATORS`)."""

    def validate(self, password: str, user: object = None) -> None:
        if not MIN_LENGTH <= len(compose(password)) <= MAX_LENGTH:
            raise ValidationError(self.get_help_text(), code="password_length")

    def get_help_text(self) -> str:
        return f"The password must have {MIN_LENGTH} to {MAX_LENGTH} characters."
