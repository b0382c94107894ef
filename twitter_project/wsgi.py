"""The HTTP application, and in the embedded mode the loops beside it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "twitter_project.settings.dev")
application = get_wsgi_application()

from twitter_project import loops  # noqa: E402 apps must be ready

loops.start()
