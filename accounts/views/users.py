"""Profiles: the viewer's own account, and every user's."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors, services
from accounts import serializers as shapes
from accounts.presentation import show_account, show_person
from accounts.views.examples import ACCOUNT, NOTHING, PERSON
from common.http.authentication import find_viewer_id, viewer_id
from common.http.schema import BODY, answer_example, errors, request_example
from common.http.serializers import read_body
from common.http.throttling import client_address
from common.http.views import APIView


class MeView(APIView):
    rates: ClassVar = {"DELETE": "login"}

    @extend_schema(
        operation_id="get_account",
        summary="Get my account",
        tags=["users"],
        responses={200: shapes.UserAnswer, **errors(401, 503)},
        examples=[answer_example({"user": ACCOUNT})],
    )
    def get(self, request: Request) -> Response:
        return Response({"user": show_account(selectors.get_account(viewer_id(request)))})

    @extend_schema(
        operation_id="update_profile",
        summary="Edit my profile",
        description="Fields that are left out keep their values.",
        tags=["users"],
        request=shapes.ProfileBody,
        responses={200: shapes.UserAnswer, **errors(*BODY, 401, 422, 503)},
        examples=[
            request_example({"display_name": "Alice", "bio": "Writes."}),
            answer_example({"user": ACCOUNT}),
        ],
    )
    def patch(self, request: Request) -> Response:
        user = services.update_profile(
            user_id=viewer_id(request), **read_body(shapes.ProfileBody, request)
        )
        return Response({"user": show_account(user)})

    @extend_schema(
        operation_id="delete_account",
        summary="Delete my account",
        description=(
            "Also deletes the account's tweets. The body holds the account's `password`; a wrong "
            "one is a 403."
        ),
        tags=["users"],
        request=shapes.DeleteAccountBody,
        responses={204: NOTHING, **errors(*BODY, 401, 403, 422, 503)},
        examples=[request_example({"password": "pass123"})],
    )
    def delete(self, request: Request) -> Response:
        services.delete_account(
            user_id=viewer_id(request),
            **read_body(shapes.DeleteAccountBody, request),
            address=client_address(request),
        )
        return Response(status=204)


class UserView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="get_user",
        summary="Get a user",
        description="By id or by username, ignoring case.",
        tags=["users"],
        responses={200: shapes.UserAnswer, **errors(401, 404, 503)},
        examples=[answer_example({"user": PERSON})],
    )
    def get(self, request: Request, name: str) -> Response:
        person = selectors.get_person(name, viewer_id=find_viewer_id(request))
        return Response({"user": show_person(person)})
