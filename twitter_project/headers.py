"""What a browser is told of every answer: to frame nothing, guess nothing and load nothing.

The API opens itself to no other site (CORS): it sends no Access-Control header, and OPTIONS is a
method like any other that it doesn't know.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

Handler = Callable[[HttpRequest], HttpResponseBase]

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",  # a feed, an account, a token
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

# The admin checks where a form came from by its Referer.
_ADMIN_HEADERS = {
    **_HEADERS,
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}


class Headers:
    """Sets what the view hasn't set itself."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response
        self._admin = f"/{settings.ADMIN_PATH}"

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        own = response.headers
        is_admin = request.path_info.startswith(self._admin)
        for name, value in (_ADMIN_HEADERS if is_admin else _HEADERS).items():
            if name not in own:
                own[name] = value
        if request.is_secure():  # over plain HTTP browsers ignore it, and log an error
            own.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        return response
