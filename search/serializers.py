from dataclasses import replace
from typing import Any

from rest_framework import serializers

from common.http.pagination import LimitField, NumberField, WindowQuery
from common.http.serializers import TextField
from hydration.shapes import FACTS, TWEET, TweetSerializer
from search.cursor import MAX_LENGTH
from search.index import WINDOW

LONGEST_QUERY = 500


class SearchQuery(WindowQuery):
    q = TextField(
        max_length=LONGEST_QUERY,
        help_text='words, "words next to each other", #hashtags; all of them must occur',
    )
    limit = LimitField()
    offset = NumberField(
        default=0,
        min_value=0,
        help_text=f"offset + limit is {WINDOW} at most; can't be combined with cursor",
    )
    cursor = serializers.CharField(
        default=None, max_length=MAX_LENGTH, help_text="`next` of the previous page, for the same q"
    )


class ResultSerializer(TweetSerializer):
    """A tweet. Fields are null while tweets is down, and for foreign documents."""

    shape = tuple(
        replace(field, is_nullable=True) if field in FACTS and field.name != "id" else field
        for field in TWEET
    )
    score = serializers.FloatField(help_text="relevance and freshness; higher is better")


class SearchSerializer(serializers.Serializer[Any]):
    query = serializers.CharField()
    results = ResultSerializer(many=True)
    count = serializers.IntegerField(help_text="number of results on this page")
    total = serializers.IntegerField(help_text=f"number of hits in the index, {WINDOW} at most")
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
    next = serializers.CharField(allow_null=True, help_text="cursor of the next page")
