"""Pages that a person reads in a browser."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from common.http.exceptions import error_body

View = Callable[[HttpRequest], HttpResponse]


def page(policy: str) -> Callable[[View], View]:
    """A page that is only read, under this Content-Security-Policy."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest) -> HttpResponse:
            if request.method not in ("GET", "HEAD"):
                return _method_not_allowed(request)
            response = view(request)
            response["Content-Security-Policy"] = (
                f"{policy}; base-uri 'none'; frame-ancestors 'none'"
            )
            return response

        return csrf_exempt(answer)

    return decorate


def _method_not_allowed(request: HttpRequest) -> JsonResponse:
    body = error_body("method_not_allowed", f'Method "{request.method}" not allowed.')
    return JsonResponse(body, status=405, headers={"Allow": "GET, HEAD"})
