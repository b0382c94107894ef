"""The application for long-lived connections; HTTP is served by wsgi.py, which is much faster."""

import os

from channels.routing import ProtocolTypeRouter
from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "twitter_project.settings.dev")
http = get_asgi_application()

from common.postgresql import deadlines  # noqa: E402 apps must be ready
from twitter_project import startup  # noqa: E402

deadlines.set_for_process(settings.DATABASE_DEADLINE_SECONDS)
startup.start()

application = ProtocolTypeRouter({"http": http})
