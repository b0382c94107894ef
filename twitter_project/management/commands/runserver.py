import os
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.management.commands.runserver import Command as Runserver
from django.core.management.base import CommandError
from django.db import connections

from common.addresses import is_loopback
from common.command_options import MAX_PORT, has_port
from twitter_project import demo, embedded_database


class Command(Runserver):
    help = (
        "Serves on a developer's machine and reloads what is edited. On the embedded database it "
        "migrates and seeds first."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        place: str = options["addrport"] or ""
        if place.rpartition(":")[2].isdecimal() and not has_port(f":{place.rpartition(':')[2]}"):
            raise CommandError(f"{place}: a port is a number from 0 to {MAX_PORT}")
        super().handle(*args, **options)

    def inner_run(self, *args: Any, **options: Any) -> None:
        """In the child that serves, after each reload."""
        try:
            self._prepare()
        except CommandError as error:
            self.stderr.write(f"CommandError: {error}")
            os._exit(1)  # as Django does here: an exception would end this thread alone
        super().inner_run(*args, **options)

    def _prepare(self) -> None:
        place: Any = self  # Django's handle() has set addr, port and _raw_ipv6
        where = f"{f'[{place.addr}]' if place._raw_ipv6 else place.addr}:{place.port}"
        is_public = not is_loopback(where)
        if settings.EMBEDDED_DATABASE:
            embedded_database.claim(f"http://{where}")
            embedded_database.migrate()
            embedded_database.seed(is_public=is_public)
        if is_public:
            demo.refuse_known_admin()
        connections.close_all()
