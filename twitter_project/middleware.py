from collections.abc import Callable, Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.module_loading import import_string
from rest_framework.response import Response

from twitter_project.views import HealthView, ReadyView

Handler = Callable[[HttpRequest], HttpResponseBase]


class Probes:
    """Answers /health and /ready before anything looks at the Host header or asks for TLS.

    Balancers and Kubernetes probe a process by its address, which is none of ALLOWED_HOSTS.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response
        self._views = {"/health": HealthView.as_view(), "/ready": ReadyView.as_view()}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        view = self._views.get(request.path_info)
        if view is None:
            return self._get_response(request)
        answer: Response = view(request).render()
        return answer


class ByPath:
    """Checks the host, gives the length, and runs `settings.MIDDLEWARE_BY_PATH` where it is needed.

    Django calls `process_view` of its own list only, so what needs that must not stand there.
    The admin's views check CSRF by a decorator.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response
        self._chains = [
            (prefix, _chain(paths, get_response))
            for prefix, paths in settings.MIDDLEWARE_BY_PATH.items()
        ]

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.get_host()  # raises for one that is not ours
        response = self._find_chain(request.path_info)(request)
        if isinstance(response, HttpResponse) and "Content-Length" not in response.headers:
            response.headers["Content-Length"] = str(len(response.content))
        return response

    def _find_chain(self, path: str) -> Handler:
        for prefix, chain in self._chains:
            if path.startswith(prefix):
                return chain
        return self._get_response


def _chain(paths: Sequence[str], get_response: Handler) -> Handler:
    for path in reversed(paths):
        get_response = import_string(path)(get_response)
    return get_response
