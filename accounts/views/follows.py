"""Following, unfollowing, and the four lists of followers and followed users."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import selectors, services
from accounts import serializers as shapes
from accounts.presentation import show_follow, show_follows, show_users
from accounts.views.examples import NOTHING, PERSON
from common.http.authentication import find_viewer_id, viewer_id
from common.http.pagination import Page, PageQuery, read_query
from common.http.schema import BODY, answer_example, errors, request_example
from common.http.serializers import read_body
from common.http.views import APIView
from common.ids import require_id
from hydration.shapes import USER_EXAMPLE, Json, example

V = TypeVar("V", bound=type[APIView])

FOLLOW = example(shapes.FOLLOW)


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
    "examples": [answer_example({"users": [PERSON], "next": None})],
}
_OWN_LIST: dict[str, Any] = _PAGE | {
    "description": "Newest follow first, each with its user.",
    "responses": {200: shapes.FollowsAnswer, **errors(400, 401, 503)},
    "examples": [answer_example({"result": [FOLLOW | {"user": PERSON}], "next": None})],
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
            answer_example({"message": "following", "follow": FOLLOW}),
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
        responses={204: NOTHING, **errors(401, 404, 503)},
    )
    def delete(self, request: Request, following_id: str) -> Response:
        services.unfollow(
            follower_id=viewer_id(request), following_id=require_id(following_id, "user")
        )
        return Response(status=204)
