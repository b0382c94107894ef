#!/usr/bin/env python
"""Django's command line for this project."""

import os
import sys
from collections.abc import Sequence

from django.core.management import execute_from_command_line

from common.errors import OUTAGES, Unavailable


def main(arguments: Sequence[str]) -> None:
    """A server that is down, or Ctrl-C, ends a command in one line and not in a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "twitter_project.settings.dev")
    try:
        execute_from_command_line(list(arguments))
    except (Unavailable, *OUTAGES) as error:
        sys.exit(f"a server does not answer: {' '.join(str(error).split())}")
    except KeyboardInterrupt:
        sys.exit("interrupted")


if __name__ == "__main__":
    main(sys.argv)
