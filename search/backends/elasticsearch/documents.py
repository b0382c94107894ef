"""The mappings of the index, and the JSON of its documents."""

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

# For foreign documents, which other programs write: ours are found by the tokens in `words`.
folded = analyzer(
    "folded", tokenizer="standard", filter=["lowercase", "asciifolding", "porter_stem"]
)

# The delay until a tweet can be found. Against the default of a second, 200 ms cost a fifth of the
# writes per second and 100 ms a half (README.md). An explicit interval also keeps Elasticsearch
# from suspending the refresh of an index that is not searched for a while.
REFRESH_INTERVAL = "200ms"

# Elasticsearch does not index longer keywords. No id is longer than this, and no hashtag: 280
# letters, each of which folds to three at most.
_MAX_KEYWORD = 256
_MAX_HASHTAG = 1024


class TweetDocument(DslDocument):
    id: str = mapped_field(Keyword(ignore_above=_MAX_KEYWORD))
    user_id: str = mapped_field(Keyword(ignore_above=_MAX_KEYWORD))
    content: str = mapped_field(Text(analyzer=folded))
    # the tokens of the content, made by search/analysis.py
    words: str = mapped_field(Text(analyzer="whitespace"))
    created_at: datetime = mapped_field(Date())
    hashtags: list[str] = mapped_field(Keyword(ignore_above=_MAX_HASHTAG))
    # searches leave it out: a tombstone, or the author is suspended
    hidden: bool = mapped_field(Boolean())
    # in tombstones only
    deleted_at: datetime = mapped_field(Date())

    class Meta:
        # Other fields of a foreign document are stored and not indexed.
        dynamic = MetaField(False)

    class Index:
        name = settings.ELASTICSEARCH_INDEX
        settings = {  # noqa: RUF012 as the package wants it
            "number_of_shards": 1,
            "auto_expand_replicas": "0-1",
            "refresh_interval": REFRESH_INTERVAL,
            # accepts a foreign document with a malformed date
            "mapping.ignore_malformed": True,
        }


def template() -> dict[str, Any]:
    """The index template. It applies to every index of these names, whoever creates it."""
    index: DslIndex = TweetDocument._index
    return {
        "index_patterns": [index._name, f"{index._name}-*"],
        "priority": 200,
        "template": index.to_dict(),
    }


def to_source(entry: Entry) -> tuple[int, dict[str, Any]]:
    """The entry's version and its JSON."""
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


def from_source(source: dict[str, Any]) -> Document | None:
    """None for tombstones and foreign documents."""
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
    """Whether it is a document of ours and no tombstone."""
    return "hidden" in source and "deleted_at" not in source


def compare(document: Document, source: dict[str, Any] | None) -> str | None:
    """The problem of the indexed source, compared with the document that should be there."""
    if source is None:
        return MISSING
    if "deleted_at" in source:
        return TOMBSTONED
    _, expected = to_source(document)
    if source | {"hidden": None} != expected | {"hidden": None}:
        return STALE
    if source.get("hidden") != document.hidden:
        return HIDDEN if source.get("hidden") else UNHIDDEN
    return None
