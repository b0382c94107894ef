"""How the WSGI handler reads the headers of a request."""

from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from pytest_django import Settings

from common.http.throttling import client_address
from twitter_project.wsgi_handler import Handler


def read_head(**headers: str) -> Any:
    environ: dict[str, Any] = {"REMOTE_ADDR": "10.0.0.1", **headers}
    setup_testing_defaults(environ)
    return Handler.request_class(environ)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address", "is_secure"),
    [
        (1, "for=1.2.3.4;proto=https", "1.2.3.4", True),
        (1, "For=1.2.3.4; Proto=HTTPS", "1.2.3.4", True),
        (1, "proto=http;for=1.2.3.4", "1.2.3.4", False),
        (1, 'for="1.2.3.4:4711"', "1.2.3.4", False),
        (1, "for=1.2.3.4:4711", "1.2.3.4", False),
        (1, 'for="[2001:db8:1:2::3]:4711";proto=https', "2001:db8:1:2::/64", True),
        (1, "for=2001:db8:1:2::3", "2001:db8:1:2::/64", False),
        # what stands before was written by the client
        (1, "for=6.6.6.6;proto=https, for=1.2.3.4;proto=http", "1.2.3.4", False),
        (1, 'for="6.6.6.6;proto=https,for=1.2.3.4', "1.2.3.4", False),
        (2, "for=6.6.6.6, for=1.2.3.4;proto=https, for=10.0.0.2", "1.2.3.4", True),
        (2, "for=1.2.3.4", "1.2.3.4", False),
        (1, "for=unknown", "?unknown", False),
        (1, "proto=https", "10.0.0.1", True),
        (1, ";,;=", "10.0.0.1", False),
        (1, "", "10.0.0.1", False),
        (0, "for=6.6.6.6;proto=https", "10.0.0.1", False),
    ],
)
def test_forwarded_alone_says_who_asks(
    settings: Settings, proxies: int, forwarded: str, address: str, is_secure: bool
) -> None:
    settings.NUM_PROXIES = proxies
    settings.PROXY_HEADERS = "forwarded"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    request = read_head(
        HTTP_FORWARDED=forwarded,
        HTTP_X_FORWARDED_FOR="6.6.6.6",  # also where a client wrote X_Forwarded_For
        HTTP_X_FORWARDED_PROTO="https",
    )
    assert client_address(request) == address
    assert request.is_secure() is is_secure


def test_unless_the_settings_say_so_forwarded_counts_for_nothing(settings: Settings) -> None:
    settings.NUM_PROXIES = 1
    request = read_head(HTTP_FORWARDED="for=6.6.6.6", HTTP_X_FORWARDED_FOR="1.2.3.4")
    assert client_address(request) == "1.2.3.4"
