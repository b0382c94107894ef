"""The search index in Elasticsearch."""

from search.backends.elasticsearch.client import BREAKER
from search.backends.elasticsearch.index import ElasticsearchIndex

__all__ = ["BREAKER", "ElasticsearchIndex"]
