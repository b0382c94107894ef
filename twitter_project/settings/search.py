"""The search index."""

from typing import Any

from . import tls
from .environment import DATA_DIR, TLS_CA_FILE, env

ELASTICSEARCH_URL: str | None = env.str("ELASTICSEARCH_URL", None)
if ELASTICSEARCH_URL:
    tls.check_url("ELASTICSEARCH_URL", ELASTICSEARCH_URL)
# Elasticsearch's client takes the authority as an option, not from the URL.
ELASTICSEARCH_TLS: dict[str, Any] = {"ca_certs": TLS_CA_FILE} if TLS_CA_FILE else {}
ELASTICSEARCH_INDEX: str = env.str("ELASTICSEARCH_INDEX", "tweets")
SEARCH_INDEX: dict[str, Any] = (
    {"BACKEND": "search.backends.elasticsearch.ElasticsearchIndex"}
    if ELASTICSEARCH_URL
    else {"BACKEND": "search.backends.sqlite.SqliteIndex", "path": str(DATA_DIR / "search.sqlite3")}
)
ELASTICSEARCH_DSL = {
    "default": {
        "hosts": ELASTICSEARCH_URL or "http://127.0.0.1:9200",
        **ELASTICSEARCH_TLS,
        "request_timeout": 5,
        "max_retries": 0,
        "retry_on_timeout": False,
    }
}
ELASTICSEARCH_DSL_AUTOSYNC = False
# Handles no signals. The default connects to all saves and makes Django fetch every row that a
# deletion cascades to.
ELASTICSEARCH_DSL_SIGNAL_PROCESSOR = "django_elasticsearch_dsl.signals.BaseSignalProcessor"
ELASTICSEARCH_DSL_AUTO_REFRESH = False
