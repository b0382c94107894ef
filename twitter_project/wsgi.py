"""The HTTP application, and in the embedded mode the loops beside it."""

import gc
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "twitter_project.settings.dev")
application = get_wsgi_application()

from common.postgresql import deadlines  # noqa: E402 apps must be ready
from twitter_project import loops  # noqa: E402

deadlines.impose(settings.DATABASE_DEADLINE_SECONDS)

_ = get_resolver().url_patterns  # else the first request would wait while the views are imported
# What is loaded by now lives as long as the process: no use in looking through it again and again.
gc.collect()
gc.freeze()

loops.start()
