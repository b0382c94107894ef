#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import DatabaseError
from environs import EnvError

from common.errors import OUTAGES, ServiceError

_SETTINGS = "DJANGO_SETTINGS_MODULE"


def main(arguments: Sequence[str]) -> None:
    """Reports Ctrl-C and errors of the environment or a server in one line, not in a traceback."""
    os.environ.setdefault(_SETTINGS, "twitter_project.settings.dev")
    try:
        execute_from_command_line(list(arguments))
    except (DatabaseError, ServiceError, *OUTAGES) as error:
        _end_for_server(error)
    except (EnvError, ImproperlyConfigured, OSError) as error:
        sys.exit(_line(error))
    except ModuleNotFoundError as error:
        if not f"{os.environ[_SETTINGS]}.".startswith(f"{error.name}."):
            raise
        sys.exit(f"{_SETTINGS}: there is no module {error.name}")
    except KeyboardInterrupt:
        sys.exit("interrupted")


def _end_for_server(error: Exception) -> None:
    from twitter_project.unmigrated import REMEDY, is_unmigrated  # needs the settings

    if is_unmigrated():
        sys.exit(REMEDY)
    if isinstance(error, DatabaseError) and not isinstance(error, OUTAGES):
        raise error
    sys.exit(f"a server does not answer: {_line(error)}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


if __name__ == "__main__":
    main(sys.argv)
