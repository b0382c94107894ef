import os
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.management.commands.runserver import Command as Runserver
from django.core.management.base import CommandError

from twitter_project import embedded


class Command(Runserver):
    help = (
        "Serves on a developer's machine and reloads what is edited. On the embedded database it "
        "migrates and seeds first."
    )

    def inner_run(self, *args: Any, **options: Any) -> None:
        """In the child that serves, after each reload."""
        if settings.EMBEDDED_DATABASE:
            try:
                embedded.prepare(self._address())
            except CommandError as error:
                self.stderr.write(f"CommandError: {error}")
                os._exit(1)  # as Django does here: an exception would end this thread alone
        super().inner_run(*args, **options)

    def _address(self) -> str:
        place: Any = self  # Django's handle() has set what follows
        host = f"[{place.addr}]" if place._raw_ipv6 else place.addr
        return f"http://{host}:{place.port}"
