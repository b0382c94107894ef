"""The HTTP application, and the background threads of embedded parts."""

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

_ = get_resolver().url_patterns  # imports the views, which the first request would wait for
# Objects loaded here live as long as the process: exempt them from garbage collection.
gc.collect()
gc.freeze()

startup.start()
