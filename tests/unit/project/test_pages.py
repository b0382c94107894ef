"""Pages in a browser, and errors of addresses that don't exist."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

PAGES = ["/", "/docs"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_other_origins(path: str) -> None:
    answer = Client().get(path)

    assert answer.status_code == 200
    html = answer.content.decode()
    linked = re.findall(r"""(?:src|href)=["']([^"']+)""", html)
    assert linked
    assert all(address.startswith("/") for address in linked)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_inline_script_or_style(path: str) -> None:
    html = Client().get(path).content.decode()

    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []
    assert "<style" not in html
    assert re.findall(r"\s(?:on\w+|style)=", html) == []


@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_a_page_is_served(path: str, db: None) -> None:
    client = Client()
    html = client.get(path).content.decode()

    for address in re.findall(r"""(?:src|href)=["']([^"']+)""", html):
        status = client.get(address, follow=True).status_code
        assert status == 200, address


def test_static_files_are_found_without_collectstatic() -> None:
    assert finders.find("twitter_project/index.css")
    assert finders.find("drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")


def test_the_docs_page_uses_no_deep_links_which_log_errors() -> None:
    operations = Client().get("/schema").json()["paths"].values()
    has_underscore = any(
        "_" in each["operationId"] for path in operations for each in path.values()
    )
    script = Path(str(finders.find("twitter_project/docs.js"))).read_text()

    assert has_underscore
    assert "deepLinking: true" not in script


def test_the_admin_names_the_site_and_has_its_icon(db: None) -> None:
    html = Client().get("/admin/login/").content.decode()

    assert "<title>Log in | Microblog</title>" in html
    assert ">Microblog</a>" in html
    assert "Django" not in html
    assert re.search(r'<link rel="icon" href="/static/twitter_project/icon[^"]*svg"', html)


def test_the_front_page_shows_commands_with_the_requested_host(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["here.example"]

    html = Client().get("/", headers={"host": "here.example:8123"}).content.decode()

    assert "curl -s http://here.example:8123/users/register" in html


def test_the_schema_is_public() -> None:
    answer = Client().get("/schema")

    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/users/", 404, "not_found"),
        ("GET", "/health/", 404, "not_found"),
        ("GET", "/static/nowhere.css", 404, "not_found"),
        ("GET", "/%00", 404, "not_found"),
        ("GET", "/%ff%fe", 404, "not_found"),
        ("POST", "/nowhere", 404, "not_found"),
        ("POST", "/", 405, "method_not_allowed"),
        ("DELETE", "/docs", 405, "method_not_allowed"),
        ("PUT", "/schema", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("PATCH", "/ready", 405, "method_not_allowed"),
        ("PUT", "/users/register", 405, "method_not_allowed"),
        ("POST", "/admin/login/", 403, "forbidden"),
    ],
)
def test_every_error_has_the_common_shape(method: str, path: str, status: int, code: str) -> None:
    answer = Client(enforce_csrf_checks=True).generic(method, path)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["error"]["code"] == code
    assert set(answer.json()["error"]) == {"code", "message", "fields"}


def test_an_unknown_host_is_refused_in_the_common_shape() -> None:
    answer = Client().get("/", headers={"host": "elsewhere.example"})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"


@pytest.mark.parametrize("path", ["/", "/docs", "/schema", "/health", "/ready"])
def test_a_page_answers_head(path: str, api: APIClient, db: None) -> None:
    assert api.head(path).status_code == 200
