"""The base class of the API's views."""

from typing import Any

from rest_framework import views
from rest_framework.request import Request
from rest_framework.response import Response

from common.http.throttling import Verdict


class APIView(views.APIView):
    """Has no OPTIONS, which DRF would name in `Allow` for every view."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]  # noqa: RUF012 as DRF's
    verdict: Verdict | None = None  # set by the throttle that counted the request

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Adds the `RateLimit-*` headers."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if self.verdict:
            for name, value in self.verdict.headers().items():
                answer[name] = value
        return answer
