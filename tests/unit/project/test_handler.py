"""How the WSGI and ASGI handlers read the headers of proxies."""

from collections.abc import Callable
from io import BytesIO
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from pytest_django import Settings

from common.http.throttling import client_address
from twitter_project import asgi_handler, wsgi_handler


def read_wsgi(**headers: str) -> Any:
    environ = {"REMOTE_ADDR": "10.0.0.1"}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    setup_testing_defaults(environ)
    return wsgi_handler.Handler.request_class(environ)


def read_asgi(**headers: str) -> Any:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "client": ("10.0.0.1", 1),
        "headers": [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ],
    }
    return asgi_handler.Handler.request_class(scope, BytesIO())


each_interface = pytest.mark.parametrize("read", [read_wsgi, read_asgi])


@each_interface
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
        # the client wrote the entries before
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
def test_forwarded_replaces_the_other_proxy_headers(
    settings: Settings,
    read: Callable[..., Any],
    proxies: int,
    forwarded: str,
    address: str,
    is_secure: bool,
) -> None:
    settings.NUM_PROXIES = proxies
    settings.PROXY_HEADERS = "forwarded"
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    request = read(
        forwarded=forwarded,
        x_forwarded_for="6.6.6.6",  # or X_Forwarded_For, which WSGI reads as the same header
        x_forwarded_proto="https",
    )
    assert client_address(request) == address
    assert request.is_secure() is is_secure


@each_interface
def test_forwarded_is_ignored_by_default(settings: Settings, read: Callable[..., Any]) -> None:
    settings.NUM_PROXIES = 1
    request = read(forwarded="for=6.6.6.6", x_forwarded_for="1.2.3.4")
    assert client_address(request) == "1.2.3.4"
