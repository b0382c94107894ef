"""Middleware that every request passes."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from rest_framework.response import Response

from twitter_project.views import HealthView, ReadyView

Handler = Callable[[HttpRequest], HttpResponseBase]


class Probes:
    """Answers /health and /ready before the Host header is checked or HTTPS required.

    Load balancers and Kubernetes probe a process by its IP address, which ALLOWED_HOSTS lacks.
    """

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response
        self._views = {"/health": HealthView.as_view(), "/ready": ReadyView.as_view()}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        view = self._views.get(request.path_info)
        if view is None:
            return self._get_response(request)
        response: Response = view(request).render()
        return response


class HostAndLength:
    """Checks the Host header and sets Content-Length: the part of CommonMiddleware we use."""

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.get_host()  # raises DisallowedHost
        response = self._get_response(request)
        if isinstance(response, HttpResponse) and "Content-Length" not in response.headers:
            response.headers["Content-Length"] = str(len(response.content))
        return response
