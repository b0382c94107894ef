"""Security headers: a response may not be framed, sniffed or cached, and may load nothing.

No API route allows other origins (CORS): it sends no Access-Control header, and OPTIONS is
answered 405.
"""

from collections.abc import Callable, Mapping

from django.http import HttpRequest, HttpResponseBase

from twitter_project.routes import Decorator, View, marked

Handler = Callable[[HttpRequest], HttpResponseBase]

API_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # the admin's CSRF check reads the Referer
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",  # feeds, accounts and tokens are private
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

ADMIN_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
}


def route_headers(headers: Mapping[str, str]) -> Decorator:
    """Sends these headers with every response of the route, errors included.

    They replace API_HEADERS of the same name. An inner decorator takes precedence over an outer
    one, and the view itself over both.
    """

    def decorate(view: View) -> View:
        return marked(view, route_headers={**headers, **getattr(view, "route_headers", {})})

    return decorate


class SecurityHeaders:
    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        match = request.resolver_match
        of_route = getattr(match.func, "route_headers", None) if match else None
        headers = {**API_HEADERS, **of_route} if of_route else API_HEADERS
        own = response.headers
        for name, value in headers.items():
            if name not in own:
                own[name] = value
        if request.is_secure():  # over plain HTTP browsers ignore it and log an error
            own.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        return response
