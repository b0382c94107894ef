"""The HTTP API of accounts: sessions, users and follows."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.exceptions import APIException
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors, services, tokens
from accounts import serializers as shapes
from accounts.presentation import (
    show_account,
    show_follow,
    show_follows,
    show_person,
    show_tokens,
    show_users,
)
from common.http.authentication import Viewer, find_viewer_id, viewer_id
from common.http.pagination import Page, PageQuery, read_query
from common.http.schema import BODY, answer_example, errors, request_example
from common.http.serializers import read_body
from common.http.throttling import client_address
from common.http.views import APIView
from common.ids import require_id
from hydration.shapes import USER_EXAMPLE, Json, example

_ACCOUNT = USER_EXAMPLE | {"email": "alice@example.com"}
_TOKENS = {"token": "eyJhbGciOiJFZERTQSJ9…", "refresh": "eyJhbGciOiJFZERTQSJ9…"}
_CREDENTIALS = {"email": "alice@example.com", "password": "pass123"}
_FOLLOW = example(shapes.FOLLOW)
_PERSON = USER_EXAMPLE | {"following": True, "followed_by": False}

V = TypeVar("V", bound=type[APIView])

_NOTHING = OpenApiResponse(description="Done.")


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
            answer_example({"user": _ACCOUNT, **_TOKENS}),
        ],
    )
    def post(self, request: Request) -> Response:
        session = services.register(**read_body(shapes.RegisterBody, request))
        return Response({"user": show_account(session.user), **show_tokens(session.tokens)})


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
        examples=[request_example(_CREDENTIALS), answer_example({"user": _ACCOUNT, **_TOKENS})],
    )
    def post(self, request: Request) -> Response:
        session = services.log_in(
            **read_body(shapes.LoginBody, request), address=client_address(request)
        )
        return Response({"user": show_account(session.user), **show_tokens(session.tokens)})


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
        examples=[request_example({"refresh": _TOKENS["refresh"]}), answer_example(_TOKENS)],
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
        responses={204: _NOTHING, **errors(*BODY, 401, 422, 503)},
        examples=[request_example({"refresh": _TOKENS["refresh"]})],
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
        responses={204: _NOTHING, **errors(*BODY, 401, 403, 422, 503)},
        examples=[request_example({"password": "pass123", "new_password": "correct horse"})],
    )
    def post(self, request: Request) -> Response:
        services.change_password(
            user_id=viewer_id(request),
            **read_body(shapes.PasswordBody, request),
            address=client_address(request),
        )
        return Response(status=204)


class MeView(APIView):
    rates: ClassVar = {"DELETE": "login"}

    @extend_schema(
        operation_id="get_account",
        summary="Get my account",
        tags=["users"],
        responses={200: shapes.UserAnswer, **errors(401, 503)},
        examples=[answer_example({"user": _ACCOUNT})],
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
            answer_example({"user": _ACCOUNT}),
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
        responses={204: _NOTHING, **errors(*BODY, 401, 403, 422, 503)},
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
        examples=[answer_example({"user": _PERSON})],
    )
    def get(self, request: Request, name: str) -> Response:
        person = selectors.get_person(name, viewer_id=find_viewer_id(request))
        return Response({"user": show_person(person)})


class FollowListView(APIView):
    """A page of the users on one side of a user's follows, newest follow first."""

    listed: ClassVar[selectors.Side]

    def find_user_id(self, request: Request, name: str) -> int:
        """The user whose follows are listed. `name` is empty where the address has none."""
        raise NotImplementedError

    def show(self, page: Page[selectors.ListedFollow]) -> Json:
        raise NotImplementedError

    def get(self, request: Request, name: str = "") -> Response:
        query = read_query(PageQuery, request)
        page = selectors.list_follows(
            self.find_user_id(request, name),
            listed=self.listed,
            viewer_id=find_viewer_id(request),
            **query,
        )
        return Response(self.show(page))


class UserFollowListView(FollowListView):
    permission_classes = (AllowAny,)

    def find_user_id(self, request: Request, name: str) -> int:
        return selectors.get_user(name).id

    def show(self, page: Page[selectors.ListedFollow]) -> Json:
        return show_users(page)


class OwnFollowListView(FollowListView):
    def find_user_id(self, request: Request, name: str) -> int:
        return viewer_id(request)

    def show(self, page: Page[selectors.ListedFollow]) -> Json:
        return show_follows(page)


_PAGE: dict[str, Any] = {"tags": ["follows"], "parameters": [PageQuery]}
_USER_LIST: dict[str, Any] = _PAGE | {
    "description": "Newest follow first.",
    "responses": {200: shapes.UsersAnswer, **errors(400, 401, 404, 503)},
    "examples": [answer_example({"users": [_PERSON], "next": None})],
}
_OWN_LIST: dict[str, Any] = _PAGE | {
    "description": "Newest follow first, each with its user.",
    "responses": {200: shapes.FollowsAnswer, **errors(400, 401, 503)},
    "examples": [answer_example({"result": [_FOLLOW | {"user": _PERSON}], "next": None})],
}


def _describe(operation_id: str, summary: str, shared: dict[str, Any]) -> Callable[[V], V]:
    """Describes the inherited `get`."""
    return extend_schema_view(
        get=extend_schema(operation_id=operation_id, summary=summary, **shared)
    )


@_describe("list_followers_of_user", "List a user's followers", _USER_LIST)
class UserFollowersView(UserFollowListView):
    listed = "follower_id"


@_describe("list_following_of_user", "List the users that a user follows", _USER_LIST)
class UserFollowingView(UserFollowListView):
    listed = "following_id"


@_describe("list_following", "List the users I follow", _OWN_LIST)
class FollowingView(OwnFollowListView):
    listed = "following_id"


@_describe("list_followers", "List my followers", _OWN_LIST)
class FollowView(OwnFollowListView):
    listed = "follower_id"

    @extend_schema(
        operation_id="follow",
        summary="Follow a user",
        description=(
            "Idempotent. An account may follow a limited number of users (7,500 unless the "
            "operator changes it); beyond that, the response is a 422."
        ),
        tags=["follows"],
        request=shapes.FollowBody,
        responses={200: shapes.FollowAnswer, **errors(*BODY, 401, 404, 422, 503)},
        examples=[
            request_example({"following_id": USER_EXAMPLE["id"]}),
            answer_example({"message": "following", "follow": _FOLLOW}),
        ],
    )
    def post(self, request: Request) -> Response:
        following_id = require_id(read_body(shapes.FollowBody, request)["following_id"], "user")
        follow = services.follow(follower_id=viewer_id(request), following_id=following_id)
        return Response(
            {"message": "following", "follow": show_follow(selectors.as_follow(follow))}
        )


class UnfollowView(APIView):
    @extend_schema(
        operation_id="unfollow",
        summary="Unfollow a user",
        tags=["follows"],
        responses={204: _NOTHING, **errors(401, 404, 503)},
    )
    def delete(self, request: Request, following_id: str) -> Response:
        services.unfollow(
            follower_id=viewer_id(request), following_id=require_id(following_id, "user")
        )
        return Response(status=204)
