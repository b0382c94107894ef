"""Starts the embedded parts of this process and their background threads."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string


@cache
def start() -> None:
    """Makes the parts first, then starts the threads that use them. Later calls do nothing."""
    for path in (*settings.EMBEDDED_PARTS, *settings.BACKGROUND_THREADS):
        import_string(path)()
