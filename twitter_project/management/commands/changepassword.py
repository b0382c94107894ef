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
    """Replaces Django's, which overwrites changes made to the user during the prompt."""

    help = "Asks for a user's new password, sets it and ends all of the user's sessions."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "username", nargs="?", help="the user (by default the name of the system user)"
        )

    def handle(self, *args: Any, username: str | None, **options: Any) -> None:
        name = username or getpass.getuser()
        user = User.objects.named(name).first()
        if user is None:
            raise CommandError(f"there is no user {name!r}")
        services.set_password(user_id=user.id, new_password=self._read_password(user))
        self.stdout.write(f"Changed the password of {user} and ended all sessions.")

    def _read_password(self, user: User) -> str:
        for _ in range(_TRIES):
            try:
                password = getpass.getpass(f"New password of {user}: ")
                repeated = getpass.getpass("Again: ")
            except EOFError:
                raise CommandError("run it in a terminal: the password is typed twice") from None
            if password != repeated:
                self.stderr.write("The passwords differ.")
                continue
            try:
                validate_password(password, user)
            except ValidationError as error:
                self.stderr.write(" ".join(error.messages))
                continue
            return password
        raise CommandError(f"the password of {user} is unchanged after {_TRIES} tries")
