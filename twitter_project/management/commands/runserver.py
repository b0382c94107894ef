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
        "Serves on a developer's machine and reloads edited code. On the embedded database it "
        "migrates and seeds first."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        address: str = options["addrport"] or ""
        port = address.rpartition(":")[2]
        if port.isdecimal() and not has_port(f":{port}"):
            raise CommandError(f"{address}: a port is a number from 0 to {MAX_PORT}")
        super().handle(*args, **options)

    def inner_run(self, *args: Any, **options: Any) -> None:
        """Runs in the child process that serves, after each reload."""
        try:
            self._prepare()
        except CommandError as error:
            self.stderr.write(f"CommandError: {error}")
            os._exit(1)  # an exception would end this thread alone; Django exits here as well
        super().inner_run(*args, **options)

    def _prepare(self) -> None:
        host, port = self.addr, self.port  # type: ignore[attr-defined]  # set by Django's handle()
        address = f"{f'[{host}]' if ':' in host else host}:{port}"
        is_public = not is_loopback(address)
        if settings.EMBEDDED_DATABASE:
            embedded_database.claim(f"http://{address}")
            embedded_database.migrate()
            embedded_database.seed(is_public=is_public)
        if is_public:
            demo.refuse_known_admin()
        connections.close_all()
