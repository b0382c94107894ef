"""A query in Elasticsearch's query language."""

from typing import Any

from search.index import FRESHNESS_DECAY, FRESHNESS_SCALE, OLD, Position, end_of_hour_ms
from search.query import Phrase, Query


def render(query: Query, position: Position) -> dict[str, Any]:
    """Scores by relevance times freshness."""
    gauss = {
        "origin": end_of_hour_ms(position.hour),
        "scale": f"{FRESHNESS_SCALE.days}d",
        "decay": FRESHNESS_DECAY,
    }
    excluded: list[dict[str, Any]] = [{"term": {"hidden": True}}]
    if position.seen:
        excluded.append({"ids": {"values": list(position.seen)}})
    return {
        "function_score": {
            "query": {
                "bool": {
                    "must": [
                        *map(_has_phrase, query.phrases),
                        *map(_has_hashtag, query.hashtags),
                    ],
                    "must_not": excluded,
                }
            },
            "functions": [
                {"weight": OLD},
                {"gauss": {"created_at": gauss}, "weight": 1 - OLD},
            ],
            "score_mode": "sum",
            "boost_mode": "multiply",
        }
    }


def _has_phrase(phrase: Phrase) -> dict[str, Any]:
    """Foreign documents, and ours in an index of an earlier version, have no `words`."""
    ours = {"match_phrase": {"words": " ".join(phrase.tokens)}}
    others = {
        "bool": {
            "must": {"match_phrase": {"content": phrase.text}},
            "must_not": {"exists": {"field": "words"}},
        }
    }
    return {"bool": {"should": [ours, others]}}


def _has_hashtag(name: str) -> dict[str, Any]:
    """Foreign documents need no `hashtags`; the content is searched. All of ours have `hidden`."""
    ours = {"term": {"hashtags": name}}
    foreign = {
        "bool": {
            "filter": {"match_phrase": {"content": name}},
            "must_not": {"exists": {"field": "hidden"}},
        }
    }
    return {"constant_score": {"filter": {"bool": {"should": [ours, foreign]}}}}
