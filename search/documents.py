"""The index in Elasticsearch: how its fields are analysed, and where its mappings live.

No Django model stands behind it: what is in it comes from events.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from elasticsearch.dsl import (
    Boolean,
    Date,
    Document,
    Keyword,
    MetaField,
    Text,
    analyzer,
    mapped_field,
)
from elasticsearch.dsl import Index as DslIndex

# The analysis that search/analysis.py repeats for SQLite.
folded = analyzer(
    "folded", tokenizer="standard", filter=["lowercase", "asciifolding", "porter_stem"]
)

# How long a tweet waits to be found. Against the default of a second, 200 ms cost a fifth of the
# writes per second and 100 ms a half (README.md). Being set at all, it also keeps an index that
# nobody searched for a while from waiting with its refresh for the next search.
REFRESH_INTERVAL = "200ms"

# Longer keywords can't be ids or hashtags. They aren't searched, and don't refuse their document.
_LONGEST_KEYWORD = 256


class TweetDocument(Document):
    id: str = mapped_field(Keyword(ignore_above=_LONGEST_KEYWORD))
    user_id: str = mapped_field(Keyword(ignore_above=_LONGEST_KEYWORD))
    content: str = mapped_field(Text(analyzer=folded))
    created_at: datetime = mapped_field(Date())
    hashtags: list[str] = mapped_field(Keyword(ignore_above=_LONGEST_KEYWORD))
    # not to be found: a tombstone, or the author is suspended
    hidden: bool = mapped_field(Boolean())
    # in tombstones only
    deleted_at: datetime = mapped_field(Date())

    class Meta:
        # What else a foreign document has is kept, shown, and not indexed.
        dynamic = MetaField(False)

    class Index:
        name = settings.ELASTICSEARCH_INDEX
        settings = {  # noqa: RUF012 as the package wants it
            "number_of_shards": 1,
            "auto_expand_replicas": "0-1",
            "refresh_interval": REFRESH_INTERVAL,
            # a foreign document's odd date doesn't refuse it
            "mapping.ignore_malformed": True,
        }


def template() -> dict[str, Any]:
    """For every index of these names, whoever creates it."""
    index: DslIndex = TweetDocument._index
    return {
        "index_patterns": [index._name, f"{index._name}-*"],
        "priority": 200,
        "template": index.to_dict(),
    }
