"""The OpenAPI schema at /schema."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from common.http.schema import BODY
from tests.support.commands import run

ERROR = {"$ref": "#/components/schemas/Error"}
METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    answer: dict[str, Any] = Client().get("/schema").json()
    return answer


# Runs in a new process, so that these are its first requests.
_REQUEST_CONCURRENTLY = """
import sys
from concurrent.futures import ThreadPoolExecutor

import django

django.setup()
from django.test import Client

sys.setswitchinterval(1e-6)
client = Client(raise_request_exception=False, headers={"host": "localhost"})
with ThreadPoolExecutor(4) as pool:
    print({answer.status_code for answer in pool.map(client.get, ["/schema"] * 4)})
"""


def test_the_first_requests_may_be_concurrent(tmp_path: Path) -> None:
    embedded = {
        "DJANGO_SETTINGS_MODULE": "twitter_project.settings.dev",
        "DATA_DIR": str(tmp_path),
        "MONITOR_LISTEN": "",
    }

    answer = run("-c", _REQUEST_CONCURRENTLY, environment=embedded)

    assert answer.stdout == "{200}\n", answer.stderr


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation with its name, such as `GET /feed`."""
    for path, item in schema["paths"].items():
        for method in METHODS & set(item):
            yield f"{method.upper()} {path}", item[method]


def bodies(answers: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The JSON bodies of the responses by status."""
    for status, answer in answers.items():
        if "content" in answer:
            yield status, answer["content"]["application/json"]


def has_example(body: dict[str, Any]) -> bool:
    return bool(body.get("examples") or body.get("example"))


def test_it_is_valid_and_generated_without_warnings(tmp_path: Path) -> None:
    call_command(
        "spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yaml")
    )


def test_it_has_every_operation_of_the_contract(schema: dict[str, Any]) -> None:
    called = {name for name, _ in operations(schema)}

    assert called == {
        "POST /users/register", "POST /users/login", "POST /users/refresh", "POST /users/logout",
        "POST /users/me/password", "GET /users/me", "PATCH /users/me", "DELETE /users/me",
        "GET /hello", "GET /users/{name}", "GET /users/{name}/tweets",
        "GET /users/{name}/followers", "GET /users/{name}/following",
        "POST /follow", "GET /follow", "DELETE /follow/{following_id}", "GET /following",
        "POST /tweet", "GET /tweet", "GET /tweet/{tweet_id}", "DELETE /tweet/{tweet_id}",
        "POST /tweet/{tweet_id}/reply",
        "POST /tweet/{tweet_id}/like", "DELETE /tweet/{tweet_id}/like",
        "POST /tweet/{tweet_id}/repost", "DELETE /tweet/{tweet_id}/repost",
        "GET /feed", "GET /search", "GET /health", "GET /ready",
    }  # fmt: skip


def test_every_operation_has_a_summary(schema: dict[str, Any]) -> None:
    silent = [name for name, call in operations(schema) if not call.get("summary")]

    assert silent == []


def test_every_request_body_has_an_example(schema: dict[str, Any]) -> None:
    lacking = [
        name
        for name, call in operations(schema)
        if "requestBody" in call
        and not has_example(call["requestBody"]["content"]["application/json"])
    ]

    assert lacking == []


def test_every_response_has_an_example(schema: dict[str, Any]) -> None:
    lacking = [
        f"{name}: {status}"
        for name, call in operations(schema)
        for status, body in bodies(call["responses"])
        if not has_example(body)
    ]

    assert lacking == []


def test_every_operation_lists_the_errors_that_its_parameters_imply(schema: dict[str, Any]) -> None:
    lacking = []
    for name, call in operations(schema):
        expected: set[str] = set()
        if call.get("security") and {} not in call["security"]:
            expected.add("401")
        if "requestBody" in call:
            expected |= {str(status) for status in BODY}
        places = {parameter["in"] for parameter in call.get("parameters", [])}
        if "query" in places:
            expected.add("400")
        if "path" in places:
            expected.add("404")
        lacking += [f"{name}: {status}" for status in sorted(expected - set(call["responses"]))]

    assert lacking == []


def test_every_error_has_the_common_shape(schema: dict[str, Any]) -> None:
    others = [
        f"{name}: {status}"
        for name, call in operations(schema)
        for status, body in bodies(call["responses"])
        if status >= "400" and name != "GET /ready" and body["schema"] != ERROR
    ]

    assert others == []


def test_it_declares_the_token_for_operations_that_need_one(schema: dict[str, Any]) -> None:
    assert schema["components"]["securitySchemes"] == {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    secured = {name for name, call in operations(schema) if call.get("security") == [{"token": []}]}
    assert {"GET /hello", "GET /feed", "GET /search", "POST /tweet", "POST /follow"} <= secured


def test_its_examples_match_their_schemas(schema: dict[str, Any]) -> None:
    """Compares the names of fields."""
    wrong = [
        f"{name}: {status}"
        for name, call in operations(schema)
        for status, body in bodies(call["responses"])
        for example in body.get("examples", {}).values()
        if not fits(example["value"], body["schema"], schema)
    ]

    assert wrong == []


def fits(value: Any, shape: dict[str, Any], schema: dict[str, Any]) -> bool:
    if "$ref" in shape:
        shape = schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        return all(fits(item, shape.get("items", {}), schema) for item in value)
    if not isinstance(value, dict) or "properties" not in shape:
        return True
    required = set(shape.get("required", []))
    return required <= set(value) <= set(shape["properties"]) and all(
        fits(item, shape["properties"][key], schema) for key, item in value.items()
    )
