"""Deletes old rows: published events, and the rows that services list in `settings.PRUNES`."""

import logging

from django.conf import settings
from django.utils.module_loading import import_string

from common.db import alias
from common.errors import OUTAGES
from common.observability.metrics import ROWS_PRUNED
from messaging import outbox

log = logging.getLogger(__name__)


def prune_batch(using: str) -> int:
    """Deletes one batch of each kind of old rows in the database. Returns their number.

    The relay calls it between two batches of events, so that no event waits long.
    """
    pruned = _count("outbox", outbox.prune(using))
    for service in settings.SERVICES:
        if alias(service) != using:
            continue
        for path in settings.PRUNES.get(service, []):
            try:
                count = import_string(path)()
            except OUTAGES:
                raise
            except Exception:  # the relay must continue to publish
                log.exception("%s failed", path)
                count = 0
            pruned += _count(path.rpartition(".prune_")[2], count)
    return pruned


def _count(kind: str, count: int) -> int:
    ROWS_PRUNED.labels(kind).inc(count)
    return count
