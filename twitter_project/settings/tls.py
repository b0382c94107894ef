"""TLS to PostgreSQL, Redis, RabbitMQ and Elasticsearch, where their URLs ask for it.

TLS_CA_FILE names the authority for all servers; a URL may name its own by its client's parameter.
Clients verify certificate and host name unless a URL says otherwise.
"""

import ssl
from ast import literal_eval
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit, urlunsplit

from django.core.exceptions import ImproperlyConfigured

SYSTEM = "system"  # libpq: the authorities that the operating system trusts

# The parameter for the authority, by URL scheme. pika's is a dict in Python syntax.
_PARAMETERS = {"rediss": "ssl_ca_certs", "amqps": "ssl_options"}


def check_authority(name: str, file: object) -> None:
    """Raises unless the file, named by this setting, holds certificates that clients can read."""
    try:
        ssl.create_default_context(cafile=str(file))
    except OSError as error:
        reason = "no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise ImproperlyConfigured(f"{name}: {file}: {reason}") from None


def check_url(name: str, url: str) -> SplitResult:
    """Raises unless a client can read the URL. A client's own error might show the password."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is not a number
    except ValueError:
        raise ImproperlyConfigured(
            f"{name}: is not a URL; percent-encode user and password"
        ) from None
    return parts


def with_authority(name: str, url: str, file: str | None) -> str:
    """The URL with the file as its authority, if it asks for TLS and names no authority itself."""
    parts = check_url(name, url)
    parameter = _PARAMETERS.get(parts.scheme)
    if parameter is None:
        return url
    own = parse_qs(parts.query).get(parameter)
    if own:
        if named := own[0] if parameter == "ssl_ca_certs" else _cafile(name, own[0]):
            check_authority(name, named)
        return url
    if file is None:
        return url
    value = file if parameter == "ssl_ca_certs" else repr({"cafile": file})
    query = "&".join(filter(None, [parts.query, urlencode({parameter: value})]))
    return urlunsplit(parts._replace(query=query))


def _cafile(name: str, options: str) -> object:
    try:
        found = literal_eval(options)
        return found.get("cafile") or found.get("ca_certs")
    except (ValueError, SyntaxError, AttributeError):
        raise ImproperlyConfigured(f"{name}: ssl_options must be a dict in Python syntax") from None
