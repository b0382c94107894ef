from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class TwitterProjectConfig(AppConfig):
    name = "twitter_project"
    default = True


class AdminConfig(SimpleAdminConfig):
    default_site = "twitter_project.site.Site"
