from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.module_loading import import_string
from rest_framework.response import Response

from twitter_project.views import HealthView, ReadyView

Handler = Callable[[HttpRequest], HttpResponseBase]


class ForAdmin:
    """Runs `settings.ADMIN_MIDDLEWARE` for the admin's pages alone: the API knows no sessions.

    Django calls `process_view` of its own list only, so what needs that must not stand in ours.
    The admin's views check CSRF by a decorator.
    """

    def __init__(self, get_response: Handler) -> None:
        self._api = get_response
        self._admin = get_response
        for path in reversed(settings.ADMIN_MIDDLEWARE):
            self._admin = import_string(path)(self._admin)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        handler = self._admin if request.path_info.startswith("/admin/") else self._api
        return handler(request)


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
