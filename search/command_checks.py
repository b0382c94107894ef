"""Checks that several commands of search make."""

from django.conf import settings
from django.core.management.base import CommandError


def require_search() -> None:
    if "search" not in settings.SERVICES:
        raise CommandError("this process has no search index: add search to SERVICES")
