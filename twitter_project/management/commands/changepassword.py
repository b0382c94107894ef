import argparse
import getpass
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts import services
from accounts.models import User

_TRIES = 3


class Command(BaseCommand):
    """In place of Django's, which writes back every column as it was before the prompt."""

    help = "Asks for a user's new password, changes it and ends all sessions of the user."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "username", nargs="?", help="whose password it is (the system user's name)"
        )

    def handle(self, *args: Any, username: str | None, **options: Any) -> None:
        name = username or getpass.getuser()
        user = User.objects.named(name).first()
        if user is None:
            raise CommandError(f"there is no user {name!r}")
        services.set_password(user_id=user.id, new_password=self._read_password(user))
        self.stdout.write(f"The password of {user} is changed. All sessions of {user} end.")

    def _read_password(self, user: User) -> str:
        for _ in range(_TRIES):
            try:
                password = getpass.getpass(f"New password of {user}: ")
                repeated = getpass.getpass("Again: ")
            except EOFError:
                raise CommandError("a terminal is needed, to type the password twice") from None
            if password != repeated:
                self.stderr.write("The passwords differ.")
                continue
            try:
                validate_password(password, user)
            except ValidationError as error:
                self.stderr.write(" ".join(error.messages))
                continue
            return password
        raise CommandError(f"the password of {user} stays as it was, after {_TRIES} tries")
