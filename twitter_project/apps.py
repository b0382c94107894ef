from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig

from common.observability import tracing


class TwitterProjectConfig(AppConfig):
    name = "twitter_project"
    default = True

    def ready(self) -> None:
        tracing.start()


class AdminConfig(SimpleAdminConfig):
    default_site = "twitter_project.site.Site"
