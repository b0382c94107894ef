"""The client's address and scheme from `Forwarded` (RFC 7239), where PROXY_HEADERS says so."""

from typing import Any

from django.conf import settings

from common.addresses import without_port


def trust_forwarded(meta: dict[str, Any]) -> None:
    """Copies `Forwarded` into the X-Forwarded headers, which the rest of the code reads.

    Trusts only the entry that the outermost of our NUM_PROXIES proxies added.
    """
    if settings.PROXY_HEADERS != "forwarded":
        return
    entries = meta.pop("HTTP_FORWARDED", "").split(",")
    proxies = min(settings.NUM_PROXIES, len(entries))
    parts = [part.partition("=") for part in entries[-proxies].split(";")] if proxies else []
    values = {name.strip().lower(): value.strip().strip('"') for name, _, value in parts}
    meta["HTTP_X_FORWARDED_FOR"] = without_port(values.get("for", ""))
    meta["HTTP_X_FORWARDED_PROTO"] = values.get("proto", "").lower()
