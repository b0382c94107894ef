"""What belongs to no service: the front page and the probes."""

from django.http import HttpRequest, HttpResponse, JsonResponse


def index(request: HttpRequest) -> HttpResponse:
    return HttpResponse("")


def health(request: HttpRequest) -> JsonResponse:
    """Liveness: this process answers. No I/O."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})
