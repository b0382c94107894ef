"""The length of passwords, and the form in which they are hashed."""

import unicodedata

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError

# In characters of the composed form. The API's contract has no other rule.
MIN_LENGTH, MAX_LENGTH = 7, 128


def compose(password: str) -> str:
    """Normalizes to NFC: keyboards send an accented letter as one character or as two."""
    return unicodedata.normalize("NFC", password)


def encode(password: str) -> str:
    return make_password(compose(password))


class LengthValidator:
    """Applies the API's rule to Django's forms and commands (`AUTH_PASSWORD_VALIDATORS`)."""

    def validate(self, password: str, user: object = None) -> None:
        if not MIN_LENGTH <= len(compose(password)) <= MAX_LENGTH:
            raise ValidationError(self.get_help_text(), code="password_length")

    def get_help_text(self) -> str:
        return f"The password must have {MIN_LENGTH} to {MAX_LENGTH} characters."
