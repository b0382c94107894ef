"""What the commands of search have in common."""

from django.conf import settings
from django.core.management.base import CommandError


def require_search() -> None:
    if "search" not in settings.SERVICES:
        raise CommandError("SERVICES does not name search, so this process has no search index")
