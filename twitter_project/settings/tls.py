"""TLS to PostgreSQL, Redis, RabbitMQ and Elasticsearch, as their URLs ask for it.

Who signs the servers' certificates is said once for all by TLS_CA_FILE, or in a URL by the
parameter that its client has for it. Certificate and host name are verified unless a URL says
otherwise.
"""

import ssl
from ast import literal_eval
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

SYSTEM = "system"  # libpq's word for the authorities that the operating system trusts

# By the scheme that asks for TLS. pika takes a dict as Python writes it.
_PARAMETERS = {"rediss": "ssl_ca_certs", "amqps": "ssl_options"}


def check_authority(name: str, file: object) -> None:
    """That clients can read the file which this setting names."""
    try:
        ssl.create_default_context(cafile=str(file))
    except OSError as error:
        reason = "no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise ImproperlyConfigured(f"{name}: {file}: {reason}") from None


def check_url(name: str, url: str) -> SplitResult:
    """That a client can read it: its own error might show a part of the password, or all."""
    try:
        place = urlsplit(url)
        _ = place.port
    except ValueError:
        raise ImproperlyConfigured(
            f"{name} is no URL: user and password are to be percent-encoded"
        ) from None
    return place


def with_authority(name: str, url: str, file: str | None) -> str:
    """The URL, with the file where its client looks for one, if it asks for TLS and names none."""
    place = check_url(name, url)
    parameter = _PARAMETERS.get(place.scheme)
    if parameter is None:
        return url
    own = parse_qs(place.query).get(parameter)
    if own:
        if named := own[0] if parameter == "ssl_ca_certs" else _cafile(name, own[0]):
            check_authority(name, named)
        return url
    if file is None:
        return url
    value = file if parameter == "ssl_ca_certs" else repr({"cafile": file})
    query = "&".join(filter(None, [place.query, urlencode({parameter: value})]))
    return urlunsplit(place._replace(query=query))


def _cafile(name: str, options: str) -> object:
    try:
        found = literal_eval(options)
        return found.get("cafile") or found.get("ca_certs")
    except (ValueError, SyntaxError, AttributeError):
        raise ImproperlyConfigured(f"{name}: ssl_options is no dict as Python writes it") from None
