"""What runs beside the requests in this process: nothing, unless a part is embedded."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string


@cache
def start() -> None:
    """Makes the embedded parts, then starts the loops that use them, once a process."""
    for path in (*settings.EMBEDDED_PARTS, *settings.LOOPS):
        import_string(path)()
