"""`python -m benchmarks`"""

import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"  # noqa: TID251 an entry file
django.setup()

from benchmarks.command import main  # noqa: E402 apps must be ready

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
