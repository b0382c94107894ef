"""Middleware that a route names for itself runs there, with all of its hooks, and nowhere else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, MiddlewareNotUsed
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, include, path
from pytest_django import Settings

from twitter_project.headers import route_headers
from twitter_project.route_middleware import RouteMiddleware, route_middleware
from twitter_project.routes import decorated

Handler = Callable[[HttpRequest], HttpResponseBase]


class Recorder:
    """Lists in the response's `Hooks` header the hooks that ran, in order."""

    name = "outer"

    def __init__(self, get_response: Handler) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        self._record(request, "request")
        response = self._get_response(request)
        self._record(request, "response")
        response["Hooks"] = " ".join(request.hooks)  # type: ignore[attr-defined]
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        self._record(request, f"view({kwargs.get('word', '')})")

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        self._record(request, f"exception({error})")
        return HttpResponse("rescued") if str(error) == "rescue" else None

    def process_template_response(
        self, request: HttpRequest, response: SimpleTemplateResponse
    ) -> SimpleTemplateResponse:
        self._record(request, "template")
        return response

    def _record(self, request: HttpRequest, hook: str) -> None:
        vars(request).setdefault("hooks", []).append(f"{self.name}.{hook}")


class Inner(Recorder):
    name = "inner"


class Answering(Recorder):
    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> Any:
        return HttpResponse("answered by a hook")


def unused(get_response: Handler) -> Handler:
    raise MiddlewareNotUsed


handler404 = "common.http.exceptions.not_found"
handler500 = "common.http.exceptions.server_error"


@route_middleware(Recorder, unused, Inner)
def plain(request: HttpRequest, word: str = "") -> HttpResponse:
    return HttpResponse(word)


@route_middleware(Recorder, Inner)
def failing(request: HttpRequest, message: str) -> HttpResponse:
    raise Http404(message) if message == "404" else ValueError(message)


@route_middleware(Recorder, Inner)
def template(request: HttpRequest) -> SimpleTemplateResponse:
    return SimpleTemplateResponse(engines["django"].from_string("{{ 1|add:1 }}"))


@route_middleware(Recorder)
async def asynchronous(request: HttpRequest) -> HttpResponse:
    return HttpResponse("async")


@route_middleware(Answering)
def unreached(request: HttpRequest) -> HttpResponse:
    raise AssertionError


@route_middleware(Recorder)
def empty(request: HttpRequest) -> None:
    pass


@route_headers({"Referrer-Policy": "no-referrer"})
def framed(request: HttpRequest) -> HttpResponse:
    raise Http404


def bare(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


group: list[URLPattern | URLResolver] = [
    path("plain", plain),
    path("bare", bare),
    path("nested/", include([path("bare", bare)])),
    path("framed", framed),
]
urlpatterns = [
    path("plain/<word>", plain),
    path("failing/<message>", failing),
    path("template", template),
    path("asynchronous", asynchronous),
    path("unreached", unreached),
    path("empty", empty),
    path("bare", bare),
    path("csrf", route_middleware(CsrfViewMiddleware)(bare)),
    path(
        "group/",
        decorated(
            include(group),
            route_headers({"Referrer-Policy": "origin", "X-Frame-Options": "SAMEORIGIN"}),
            route_middleware(Inner),
        ),
    ),
]


@pytest.fixture(autouse=True)
def _urls(settings: Settings) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def hooks(answer: Any) -> list[str]:
    return str(answer.headers.get("Hooks", "")).split()


def test_process_view_runs_with_the_arguments_of_the_view(client: Client) -> None:
    answer = client.get("/plain/zebra")

    assert answer.content == b"zebra"
    assert hooks(answer) == [
        "outer.request",
        "inner.request",
        "outer.view(zebra)",
        "inner.view(zebra)",
        "inner.response",
        "outer.response",
    ]


def test_process_view_may_answer_instead_of_the_view(client: Client) -> None:
    assert client.get("/unreached").content == b"answered by a hook"


def test_process_exception_may_answer(client: Client) -> None:
    answer = client.get("/failing/rescue")

    assert (answer.status_code, answer.content) == (200, b"rescued")
    assert "inner.exception(rescue)" in hooks(answer)
    assert "outer.exception(rescue)" not in hooks(answer)


@pytest.mark.parametrize(("message", "status"), [("404", 404), ("boom", 500)])
def test_an_exception_that_no_hook_answers_becomes_the_usual_error(
    client: Client, message: str, status: int
) -> None:
    answer = client.get(f"/failing/{message}")

    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert hooks(answer)[-4:] == [
        f"inner.exception({message})",
        f"outer.exception({message})",
        "inner.response",
        "outer.response",
    ]


def test_process_template_response_runs_before_the_template_is_rendered(client: Client) -> None:
    answer = client.get("/template")

    assert answer.content == b"2"
    assert hooks(answer)[-4:] == [
        "inner.template",
        "outer.template",
        "inner.response",
        "outer.response",
    ]


def test_an_asynchronous_view_may_have_middleware(client: Client) -> None:
    answer = client.get("/asynchronous")

    assert answer.content == b"async"
    assert "outer.response" in hooks(answer)


def test_a_view_that_returns_none_is_an_error(client: Client) -> None:
    assert client.get("/empty").status_code == 500


def test_csrf_is_checked_where_a_route_asks_for_it() -> None:
    client = Client(enforce_csrf_checks=True)

    assert client.post("/csrf").status_code == 403
    assert client.post("/bare").status_code == 200


def test_a_group_names_middleware_and_headers_for_all_its_routes(client: Client) -> None:
    for address in ("/group/bare", "/group/nested/bare"):
        answer = client.get(address)
        assert hooks(answer) == ["inner.request", "inner.view()", "inner.response"]
        assert answer["Referrer-Policy"] == "origin"
        assert answer["X-Frame-Options"] == "SAMEORIGIN"
        assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_group_leaves_the_view_of_other_routes_alone(client: Client) -> None:
    answer = client.get("/bare")

    assert hooks(answer) == []
    assert answer["Referrer-Policy"] == "same-origin"


def test_a_groups_middleware_runs_outside_that_of_its_views(client: Client) -> None:
    answer = client.get("/group/plain")

    assert hooks(answer)[:3] == ["inner.request", "outer.request", "inner.request"]


def test_a_views_own_headers_replace_those_of_its_group_and_come_with_its_errors(
    client: Client,
) -> None:
    answer = client.get("/group/framed")

    assert answer.status_code == 404
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize(
    "middleware",
    [
        ["twitter_project.route_middleware.RouteMiddleware", f"{__name__}.Inner"],
        [f"{__name__}.Recorder", "twitter_project.route_middleware.RouteMiddleware"],
    ],
)
def test_settings_under_which_a_hook_would_not_run_are_refused(
    settings: Settings, middleware: list[str]
) -> None:
    settings.MIDDLEWARE = middleware

    with pytest.raises(ImproperlyConfigured, match="MIDDLEWARE: "):
        RouteMiddleware(bare)
