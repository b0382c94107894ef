"""The HTTP application, and in the embedded mode the loops beside it."""

import gc
import os

import django
from django.conf import settings
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "twitter_project.settings.dev")
django.setup(set_prefix=False)

from common.postgresql import deadlines  # noqa: E402 apps must be ready
from twitter_project import startup  # noqa: E402
from twitter_project.wsgi_handler import Handler  # noqa: E402

application = Handler()

deadlines.set_for_process(settings.DATABASE_DEADLINE_SECONDS)

_ = get_resolver().url_patterns  # else the first request would wait while the views are imported
# What is loaded by now lives as long as the process: no use in looking through it again and again.
gc.collect()
gc.freeze()

startup.start()
