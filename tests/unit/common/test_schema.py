"""The error envelope in the API's description is the one that is sent."""

import pytest
from rest_framework import exceptions
from rest_framework.response import Response

from common import errors as meanings
from common.http.exceptions import STATUS, handle
from common.http.schema import _ERRORS, ErrorDetailSerializer, errors

ENVELOPE = set(ErrorDetailSerializer().get_fields())


@pytest.mark.parametrize("status", _ERRORS)
def test_each_status_has_an_example_in_the_envelope(status: int) -> None:
    response = errors(status)[status]
    (example,) = response.examples
    assert example.status_codes == [str(status)]
    assert set(example.value) == {"error"}
    assert set(example.value["error"]) == ENVELOPE


@pytest.mark.parametrize("meaning", STATUS)
def test_what_a_service_raises_is_sent_as_described(meaning: type[meanings.ServiceError]) -> None:
    answer = handle(meaning("why", fields={"name": ["is wrong"]}), {})
    assert answer.status_code in _ERRORS
    assert set(answer.data) == {"error"}
    assert set(answer.data["error"]) == ENVELOPE


@pytest.mark.parametrize(
    "error",
    [
        meanings.Unauthenticated("why"),
        exceptions.NotAuthenticated(),
        exceptions.AuthenticationFailed(),
    ],
)
def test_every_401_says_how_to_sign_in(error: Exception) -> None:
    answer: Response = handle(error, {})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
