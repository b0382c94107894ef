"""The bodies of requests, and the shapes of responses for the OpenAPI description."""

from typing import Any

from rest_framework import serializers

from common.http.serializers import StrictSerializer, TextField
from hydration.shapes import TweetSerializer


class PostBody(StrictSerializer):
    content = TextField(
        help_text="1 to 280 characters by twitter-text's weights: a link counts 23, an emoji 2"
    )


class TweetAnswer(serializers.Serializer[Any]):
    message = serializers.CharField()
    tweet = TweetSerializer()


class MessageAnswer(serializers.Serializer[Any]):
    message = serializers.CharField()


class TweetsAnswer(serializers.Serializer[Any]):
    tweets = TweetSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="the cursor of the next page")


class ThreadAnswer(serializers.Serializer[Any]):
    tweet = TweetSerializer()
    replies = TweetSerializer(many=True, help_text="oldest first")
    next = serializers.CharField(allow_null=True, help_text="the cursor of the next replies")
