"""Registration, log-in, refresh and log-out; the password."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import serializers as shapes
from accounts import services, tokens
from accounts.presentation import show_account, show_tokens
from accounts.services.sessions import Session
from accounts.views.examples import ACCOUNT, NOTHING
from common.http.authentication import Viewer, viewer_id
from common.http.schema import BODY, answer_example, errors, request_example
from common.http.serializers import read_body
from common.http.throttling import client_address
from common.http.views import APIView

TOKENS = {"token": "eyJhbGciOiJFZERTQSJ9…", "refresh": "eyJhbGciOiJFZERTQSJ9…"}
CREDENTIALS = {"email": "alice@example.com", "password": "pass123"}


def _answer(session: Session) -> Response:
    return Response({"user": show_account(session.user), **show_tokens(session.tokens)})


class RegisterView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    rates: ClassVar = {"POST": "register"}

    @extend_schema(
        operation_id="register",
        summary="Register",
        tags=["sessions"],
        request=shapes.RegisterBody,
        responses={200: shapes.SessionAnswer, **errors(*BODY, 409, 422, 503)},
        examples=[
            request_example(
                {"email": "alice@example.com", "username": "alice", "password": "pass123"}
            ),
            answer_example({"user": ACCOUNT, **TOKENS}),
        ],
    )
    def post(self, request: Request) -> Response:
        session = services.register(**read_body(shapes.RegisterBody, request))
        return _answer(session)


class LoginView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    rates: ClassVar = {"POST": "login"}

    @extend_schema(
        operation_id="log_in",
        summary="Log in",
        tags=["sessions"],
        request=shapes.LoginBody,
        responses={200: shapes.SessionAnswer, **errors(*BODY, 401, 422, 503)},
        examples=[request_example(CREDENTIALS), answer_example({"user": ACCOUNT, **TOKENS})],
    )
    def post(self, request: Request) -> Response:
        session = services.log_in(
            **read_body(shapes.LoginBody, request), address=client_address(request)
        )
        return _answer(session)


class CountedBySession(APIView):
    """Limits requests per session of the refresh token: users behind one address share no limit.

    Requests without a valid token are counted by address.
    """

    def check_throttles(self, request: Request) -> None:
        try:
            _ = request.data
        except APIException:  # the body can be read once: later reads see it empty
            super().check_throttles(request)
            raise
        super().check_throttles(request)

    def find_owner(self, request: Request) -> str | None:
        refresh = request.data.get("refresh") if isinstance(request.data, dict) else None
        return tokens.find_session(refresh) if isinstance(refresh, str) else None


class RefreshView(CountedBySession):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="refresh_session",
        summary="Get a new pair of tokens",
        description=(
            "Spends the refresh token: of two racing requests, one gets a pair. Using a spent "
            "token again more than 30 seconds later ends its session."
        ),
        tags=["sessions"],
        request=shapes.RefreshBody,
        responses={200: shapes.TokensAnswer, **errors(*BODY, 401, 422, 503)},
        examples=[request_example({"refresh": TOKENS["refresh"]}), answer_example(TOKENS)],
    )
    def post(self, request: Request) -> Response:
        pair = services.refresh_session(**read_body(shapes.RefreshBody, request))
        return Response(show_tokens(pair))


class LogoutView(CountedBySession):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="log_out",
        summary="Log out",
        description=(
            "Ends the session of the refresh token. The session's access token stays valid until "
            "it expires."
        ),
        tags=["sessions"],
        request=shapes.RefreshBody,
        responses={204: NOTHING, **errors(*BODY, 401, 422, 503)},
        examples=[request_example({"refresh": TOKENS["refresh"]})],
    )
    def post(self, request: Request) -> Response:
        services.log_out(**read_body(shapes.RefreshBody, request))
        return Response(status=204)


class HelloView(APIView):
    @extend_schema(
        operation_id="hello",
        summary="Try a token",
        tags=["sessions"],
        responses={200: shapes.HelloAnswer, **errors(401)},
        examples=[answer_example({"message": "Hello, alice"})],
    )
    def get(self, request: Request) -> Response:
        assert isinstance(request.user, Viewer)
        return Response({"message": f"Hello, {request.user.username}"})


class PasswordView(APIView):
    rates: ClassVar = {"POST": "login"}

    @extend_schema(
        operation_id="change_password",
        summary="Change the password",
        description="Ends all sessions, the current one included. A wrong `password` is a 403.",
        tags=["sessions"],
        request=shapes.PasswordBody,
        responses={204: NOTHING, **errors(*BODY, 401, 403, 422, 503)},
        examples=[request_example({"password": "pass123", "new_password": "correct horse"})],
    )
    def post(self, request: Request) -> Response:
        services.change_password(
            user_id=viewer_id(request),
            **read_body(shapes.PasswordBody, request),
            address=client_address(request),
        )
        return Response(status=204)
