from typing import ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema
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
from common.http.pagination import PageQuery, read_query
from common.http.schema import BODY, answer_example, errors, request_example
from common.http.serializers import read_body
from common.http.throttling import client_address
from common.http.views import APIView
from common.ids import require_id
from hydration.shapes import USER_EXAMPLE

_ACCOUNT = USER_EXAMPLE | {"email": "alice@example.com"}
_TOKENS = {"token": "eyJhbGciOiJFZERTQSJ9…", "refresh": "eyJhbGciOiJFZERTQSJ9…"}
_CREDENTIALS = {"email": "alice@example.com", "password": "pass123"}
_FOLLOW = {
    "id": "907313290001137664",
    "follower_id": "907313235001589760",
    "following_id": USER_EXAMPLE["id"],
    "created_at": "2026-11-20T09:30:14.000Z",
}
_PERSON = USER_EXAMPLE | {"following": True, "followed_by": False}

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
    """Counts requests by the refresh token's session, so that one address's people share no limit.

    A body without such a token is counted by address.
    """

    def check_throttles(self, request: Request) -> None:
        try:
            _ = request.data
        except APIException:  # raised once: read again, the body is empty
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
            "The old refresh token is spent: of two racing requests one gets a pair. A spent token "
            "that comes again more than 30 seconds later ends its session."
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
        description="Ends the session of the refresh token. The access token runs out by itself.",
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
        description="Ends all sessions, this one included. A wrong `password` is a 403.",
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
        summary="One's own account",
        tags=["users"],
        responses={200: shapes.UserAnswer, **errors(401, 503)},
        examples=[answer_example({"user": _ACCOUNT})],
    )
    def get(self, request: Request) -> Response:
        return Response({"user": show_account(selectors.get_account(viewer_id(request)))})

    @extend_schema(
        operation_id="update_profile",
        summary="Edit one's own profile",
        description="What is left out stays as it is.",
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
        summary="Delete one's own account",
        description=(
            "What it wrote goes with it. The body is an object with the account's `password`; a "
            "wrong one is a 403."
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
        summary="A user",
        description="By id or by username, whatever the case.",
        tags=["users"],
        responses={200: shapes.UserAnswer, **errors(401, 404, 503)},
        examples=[answer_example({"user": _PERSON})],
    )
    def get(self, request: Request, name: str) -> Response:
        person = selectors.get_person(name, viewer_id=find_viewer_id(request))
        return Response({"user": show_person(person)})


class UserFollowersView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="list_followers_of_user",
        summary="Who follows a user",
        description="The newest follow first.",
        tags=["follows"],
        parameters=[PageQuery],
        responses={200: shapes.UsersAnswer, **errors(400, 401, 404, 503)},
        examples=[answer_example({"users": [_PERSON], "next": None})],
    )
    def get(self, request: Request, name: str) -> Response:
        query = read_query(PageQuery, request)
        page = selectors.get_followers(selectors.get_user(name).id, **query)
        ids = [follow.follower_id for follow in page.items]
        people = selectors.get_people(ids, viewer_id=find_viewer_id(request))
        return Response(show_users(ids, people, page.next))


class UserFollowingView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="list_following_of_user",
        summary="Whom a user follows",
        description="The newest follow first.",
        tags=["follows"],
        parameters=[PageQuery],
        responses={200: shapes.UsersAnswer, **errors(400, 401, 404, 503)},
        examples=[answer_example({"users": [_PERSON], "next": None})],
    )
    def get(self, request: Request, name: str) -> Response:
        query = read_query(PageQuery, request)
        page = selectors.get_following(selectors.get_user(name).id, **query)
        ids = [follow.following_id for follow in page.items]
        people = selectors.get_people(ids, viewer_id=find_viewer_id(request))
        return Response(show_users(ids, people, page.next))


class FollowView(APIView):
    @extend_schema(
        operation_id="list_followers",
        summary="Who follows me",
        description="The newest follow first, each with the follower.",
        tags=["follows"],
        parameters=[PageQuery],
        responses={200: shapes.FollowsAnswer, **errors(400, 401, 503)},
        examples=[answer_example({"result": [_FOLLOW | {"user": _PERSON}], "next": None})],
    )
    def get(self, request: Request) -> Response:
        me = viewer_id(request)
        page = selectors.get_followers(me, **read_query(PageQuery, request))
        others = [follow.follower_id for follow in page.items]
        people = selectors.get_people(others, viewer_id=me)
        return Response(show_follows(page, others, people))

    @extend_schema(
        operation_id="follow",
        summary="Follow",
        description=(
            "Twice is the same as once. There is a limit to how many an account may follow (7,500 "
            "unless the operator sets another): one more is a 422."
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
        summary="Unfollow",
        tags=["follows"],
        responses={204: _NOTHING, **errors(401, 404, 503)},
    )
    def delete(self, request: Request, following_id: str) -> Response:
        services.unfollow(
            follower_id=viewer_id(request), following_id=require_id(following_id, "user")
        )
        return Response(status=204)


class FollowingView(APIView):
    @extend_schema(
        operation_id="list_following",
        summary="Whom I follow",
        description="The newest follow first, each with the followed user.",
        tags=["follows"],
        parameters=[PageQuery],
        responses={200: shapes.FollowsAnswer, **errors(400, 401, 503)},
        examples=[answer_example({"result": [_FOLLOW | {"user": _PERSON}], "next": None})],
    )
    def get(self, request: Request) -> Response:
        me = viewer_id(request)
        page = selectors.get_following(me, **read_query(PageQuery, request))
        others = [follow.following_id for follow in page.items]
        people = selectors.get_people(others, viewer_id=me)
        return Response(show_follows(page, others, people))
