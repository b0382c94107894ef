"""The base class of the API's views."""

from rest_framework import views


class APIView(views.APIView):
    """Knows no OPTIONS: DRF would name it in `Allow` whether or not a view answers it."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]  # noqa: RUF012 as DRF's
