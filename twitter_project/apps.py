from django.apps import AppConfig


class TwitterProjectConfig(AppConfig):
    name = "twitter_project"
