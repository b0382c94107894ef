"""The errors in the OpenAPI schema have the shape of the errors that are sent."""

import pytest
from rest_framework import exceptions
from rest_framework.response import Response

from common import errors as service_errors
from common.http.exceptions import STATUS, handle
from common.http.schema import ERRORS, ErrorDetailSerializer, errors

FIELDS = set(ErrorDetailSerializer().get_fields())


@pytest.mark.parametrize("status", ERRORS)
def test_the_example_of_each_status_has_the_error_shape(status: int) -> None:
    response = errors(status)[status]
    (example,) = response.examples
    assert example.status_codes == [str(status)]
    assert set(example.value) == {"error"}
    assert set(example.value["error"]) == FIELDS


@pytest.mark.parametrize("meaning", STATUS)
def test_each_service_error_has_a_described_status_and_the_error_shape(
    meaning: type[service_errors.ServiceError],
) -> None:
    answer = handle(meaning("why", fields={"name": ["is wrong"]}), {})
    assert answer.status_code in ERRORS
    assert set(answer.data) == {"error"}
    assert set(answer.data["error"]) == FIELDS


@pytest.mark.parametrize(
    "error",
    [
        service_errors.Unauthenticated("why"),
        exceptions.NotAuthenticated(),
        exceptions.AuthenticationFailed(),
    ],
)
def test_every_401_has_a_bearer_challenge(error: Exception) -> None:
    answer: Response = handle(error, {})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
