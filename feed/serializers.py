from typing import Any

from rest_framework import serializers

from common.http.pagination import CursorField, LimitField, NumberField, WindowQuery
from hydration.shapes import TweetSerializer

DEFAULT_LIMIT = 50
MAX_OFFSET = 2**31


class FeedQuery(WindowQuery):
    limit = LimitField(default=DEFAULT_LIMIT)
    offset = NumberField(
        default=0, min_value=0, max_value=MAX_OFFSET, help_text="can't be combined with `cursor`"
    )
    cursor = CursorField(required=False, default=None)


class FeedSerializer(serializers.Serializer[Any]):
    tweets = TweetSerializer(many=True)
    count = serializers.IntegerField(
        help_text="entries on this page, including those of hidden or deleted tweets"
    )
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
    next = serializers.CharField(allow_null=True, help_text="the next page's cursor")
