"""What belongs to no service: the pages for people, the API's description, the probes."""

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

# Nothing from elsewhere. Swagger UI draws with inline styles and pictures.
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
            "names_admin": settings.ADMIN_PATH == "admin/",  # else it is nobody's business
        },
    )


@page(_DOCS_POLICY)
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "twitter_project/docs.html")


@page("default-src 'none'")
def schema(request: HttpRequest) -> HttpResponse:
    with _describing:
        described = _schema()
    return HttpResponse(described, content_type="application/vnd.oai.openapi+json")


# What describes loads itself at its first use, and breaks where two threads are the first.
_describing = threading.Lock()


@cache
def _schema() -> bytes:
    """The same for everyone as long as the process lives, and too slow to make for each."""
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


class Open(APIView):
    """For programs that look after the server: they have no account."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = ()


class HealthView(Open):
    @extend_schema(
        operation_id="health",
        summary="Whether this process answers",
        tags=["operation"],
        responses=HealthSerializer,
        examples=[OpenApiExample("alive", value={"status": "ok"})],
    )
    def get(self, request: Request) -> Response:
        """Liveness: no I/O."""
        return Response({"status": "ok"})


_PARTS = {"database": "ok", "redis": "ok", "broker": "ok", "search": "ok"}


class ReadyView(Open):
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
                "search is down, the rest goes on",
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
        """503 while its own database is down or the server is stopping, and only then."""
        own = probes.databases()
        answers = probes.ask({**own, **probes.others()})
        status = _judge(answers, own=set(own))
        is_out = status in ("down", "stopping")
        parts = {name: "ok" if is_up else "down" for name, is_up in answers.items()}
        return Response(
            {"status": status, "parts": parts},
            status=503 if is_out else 200,
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)} if is_out else None,
        )


def _judge(answers: dict[str, bool], *, own: set[str]) -> str:
    if lifecycle.is_stopping():
        return "stopping"
    if not all(answers[name] for name in own):
        return "down"
    return "ok" if all(answers.values()) else "degraded"
