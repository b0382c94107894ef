"""The index in Elasticsearch: its mappings, how its fields are analysed, how an entry looks in it.

No Django model stands behind it: what is in it comes from events.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from elasticsearch.dsl import (
    Boolean,
    Date,
    Keyword,
    MetaField,
    Text,
    analyzer,
    mapped_field,
)
from elasticsearch.dsl import Document as DslDocument
from elasticsearch.dsl import Index as DslIndex

from common.ids import parse_id
from common.times import format_time, parse_time
from search import analysis
from search.hashtags import hashtags
from search.index import (
    DELETED,
    HIDDEN,
    MISSING,
    STALE,
    TOMBSTONED,
    UNHIDDEN,
    Document,
    Entry,
)

# For documents that something else put into the index: ours are found by the tokens in `words`.
folded = analyzer(
    "folded", tokenizer="standard", filter=["lowercase", "asciifolding", "porter_stem"]
)

# How long a tweet waits to be found. Against the default of a second, 200 ms cost a fifth of the
# writes per second and 100 ms a half (README.md). Being set at all, it also keeps an index that
# nobody searched for a while from waiting with its refresh for the next search.
REFRESH_INTERVAL = "200ms"

# Longer keywords aren't searched, and don't refuse their document. No id is longer than this, and
# no hashtag: 280 letters, each of which folds to three at most.
_LONGEST_KEYWORD = 256
_LONGEST_HASHTAG = 1024


class TweetDocument(DslDocument):
    id: str = mapped_field(Keyword(ignore_above=_LONGEST_KEYWORD))
    user_id: str = mapped_field(Keyword(ignore_above=_LONGEST_KEYWORD))
    content: str = mapped_field(Text(analyzer=folded))
    # the tokens of the content, made by search/analysis.py
    words: str = mapped_field(Text(analyzer="whitespace"))
    created_at: datetime = mapped_field(Date())
    hashtags: list[str] = mapped_field(Keyword(ignore_above=_LONGEST_HASHTAG))
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


def show(entry: Entry) -> tuple[int, dict[str, Any]]:
    """The entry's version, and how it looks in the index."""
    if isinstance(entry, Document):
        content = analysis.normalise(entry.content)
        return entry.version, {
            "id": str(entry.id),
            "user_id": str(entry.user_id),
            "content": content,
            "words": " ".join(analysis.tokens(content)),
            "created_at": format_time(entry.created_at),
            "hashtags": hashtags(content),
            "hidden": entry.hidden,
        }
    deleted_at = format_time(entry.deleted_at)
    return DELETED, {"id": str(entry.id), "hidden": True, "deleted_at": deleted_at}


def read(source: dict[str, Any]) -> Document | None:
    """None for what isn't a document of ours."""
    id, user_id = parse_id(str(source.get("id"))), parse_id(str(source.get("user_id")))
    try:
        created_at: datetime = parse_time(source["created_at"])
    except (KeyError, TypeError, ValueError):
        return None
    if id is None or user_id is None:
        return None
    return Document(
        id=id, user_id=user_id, content=str(source.get("content")), created_at=created_at
    )


def is_indexed(source: dict[str, Any]) -> bool:
    return "hidden" in source and "deleted_at" not in source


def compare(document: Document, source: dict[str, Any] | None) -> str | None:
    """How what stands there differs from the document."""
    if source is None:
        return MISSING
    if "deleted_at" in source:
        return TOMBSTONED
    _, expected = show(document)
    if source | {"hidden": None} != expected | {"hidden": None}:
        return STALE
    if source.get("hidden") != document.hidden:
        return HIDDEN if source.get("hidden") else UNHIDDEN
    return None
