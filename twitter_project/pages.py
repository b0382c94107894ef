"""Pages for people in a browser."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse

from common.http.exceptions import error_body
from twitter_project.headers import route_headers

View = Callable[..., HttpResponse]


def read_only(view: View) -> View:
    """Answers GET and HEAD alone."""

    @wraps(view)
    def answer(request: HttpRequest, **kwargs: str) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return _method_not_allowed(request)
        return view(request, **kwargs)

    return answer


def page(policy: str) -> Callable[[View], View]:
    """A page to read, with this Content-Security-Policy."""
    csp = f"{policy}; base-uri 'none'; frame-ancestors 'none'"

    def decorate(view: View) -> View:
        return route_headers({"Content-Security-Policy": csp})(read_only(view))

    return decorate


def _method_not_allowed(request: HttpRequest) -> JsonResponse:
    body = error_body("method_not_allowed", f'Method "{request.method}" not allowed.')
    return JsonResponse(body, status=405, headers={"Allow": "GET, HEAD"})
