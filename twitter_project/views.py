"""Views that belong to no service: pages, the API's schema, static files, health checks."""

import threading
from functools import cache
from typing import Any

import orjson
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from whitenoise.middleware import WhiteNoiseMiddleware

from common.http.exceptions import RETRY_AFTER_SECONDS
from common.http.views import APIView
from twitter_project import lifecycle, probes
from twitter_project.pages import page, read_only
from twitter_project.route_middleware import route_middleware

# Nothing from other origins. Swagger UI uses inline styles and images.
_INDEX_POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'"
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'"
)


@page(_INDEX_POLICY)
def index(request: HttpRequest) -> HttpResponse:
    return render(
        request,
        "twitter_project/index.html",
        {
            "address": request.build_absolute_uri("/").rstrip("/"),
            "names_admin": settings.ADMIN_PATH == "admin/",  # a custom path stays secret
        },
    )


@page(_DOCS_POLICY)
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "twitter_project/docs.html")


@page("default-src 'none'")
def schema(request: HttpRequest) -> HttpResponse:
    with _schema_lock:
        body = _schema()
    return HttpResponse(body, content_type="application/vnd.oai.openapi+json")


# drf-spectacular loads its extensions at its first use, which is not thread-safe.
_schema_lock = threading.Lock()


@cache
def _schema() -> bytes:
    """Cached: it is the same for all requests, and slow to generate."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    return orjson.dumps(generator.get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


@route_middleware(WhiteNoiseMiddleware)
@read_only
def static_file(request: HttpRequest, path: str) -> HttpResponse:
    """WhiteNoise answers for every file that exists."""
    raise Http404


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok"])


class ReadySerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok", "degraded", "down", "stopping"])
    parts = serializers.DictField(child=serializers.ChoiceField(["ok", "down"]))


class MonitoringView(APIView):
    """For load balancers and monitoring, which have no account."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()


class HealthView(MonitoringView):
    @extend_schema(
        operation_id="health",
        summary="Whether this process answers",
        tags=["operation"],
        responses=HealthSerializer,
        examples=[OpenApiExample("alive", value={"status": "ok"})],
    )
    def get(self, request: Request) -> Response:
        """Liveness, without I/O."""
        return Response({"status": "ok"})


_PARTS = {"database": "ok", "redis": "ok", "broker": "ok", "search": "ok"}


class ReadyView(MonitoringView):
    @extend_schema(
        operation_id="ready",
        summary="Whether this process can do its work, and which parts answer",
        tags=["operation"],
        responses={200: ReadySerializer, 503: ReadySerializer},
        examples=[
            OpenApiExample(
                "all parts answer",
                value={"status": "ok", "parts": _PARTS},
                status_codes=["200"],
            ),
            OpenApiExample(
                "search is down, the rest works",
                value={"status": "degraded", "parts": {**_PARTS, "search": "down"}},
                status_codes=["200"],
            ),
            OpenApiExample(
                "nothing works without the database",
                value={"status": "down", "parts": {**_PARTS, "database": "down"}},
                status_codes=["503"],
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        """503 only while its own database is down or the server is stopping."""
        own = probes.databases()
        is_up = probes.ask({**own, **probes.others()})
        status = _status(is_up, own=set(own))
        is_unready = status in ("down", "stopping")
        parts = {name: "ok" if is_part_up else "down" for name, is_part_up in is_up.items()}
        return Response(
            {"status": status, "parts": parts},
            status=503 if is_unready else 200,
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)} if is_unready else None,
        )


def _status(is_up: dict[str, bool], *, own: set[str]) -> str:
    if lifecycle.is_stopping():
        return "stopping"
    if not all(is_up[name] for name in own):
        return "down"
    return "ok" if all(is_up.values()) else "degraded"
