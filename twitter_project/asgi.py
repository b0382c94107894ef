"""The application for long-lived connections. wsgi.py serves HTTP, many times faster."""

import os

import django
from channels.routing import ProtocolTypeRouter
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "twitter_project.settings.dev")
django.setup(set_prefix=False)

from common.postgresql import deadlines  # noqa: E402 apps must be ready
from twitter_project import startup  # noqa: E402
from twitter_project.asgi_handler import Handler  # noqa: E402

deadlines.set_for_process(settings.DATABASE_DEADLINE_SECONDS)
startup.start()

application = ProtocolTypeRouter({"http": Handler()})
