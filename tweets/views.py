from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response

from common.http.authentication import find_viewer_id, viewer_id
from common.http.pagination import PageQuery, read_query
from common.http.schema import BODY, answer_example, errors, request_example
from common.http.serializers import read_body
from common.http.views import APIView
from common.ids import require_id
from hydration.shapes import AUTHOR_EXAMPLE, TWEET_EXAMPLE
from tweets import selectors, services
from tweets import serializers as shapes
from tweets.presentation import show_one, show_page, show_thread
from tweets.services.posting import KEY_HEADER, MAX_KEY_LENGTH

_NEW = TWEET_EXAMPLE | {"num_likes": 0, "num_replies": 0}
_REPLY = _NEW | {
    "id": "923467890123456789",
    "content": "Here it is all gone again.",
    "parent_id": TWEET_EXAMPLE["id"],
    "created_at": "2026-11-23T08:14:03.117Z",
}
_REPOSTED = TWEET_EXAMPLE | {
    "num_reposts": 1,
    "entry_id": "923478901234567890",
    "reposted_by": AUTHOR_EXAMPLE | {"id": "912999999999999999", "username": "bob"},
}

_KEY = OpenApiParameter(
    KEY_HEADER,
    {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_KEY_LENGTH,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
    },
    OpenApiParameter.HEADER,
    description=(
        f"Up to {MAX_KEY_LENGTH} characters that the client chooses. A request repeated with the "
        "same key within two days makes no second tweet and gets the first response. The same key "
        "with another request is refused (422)."
    ),
)


class TweetsView(APIView):
    rates: ClassVar = {"POST": "tweet"}

    @extend_schema(
        operation_id="post_tweet",
        summary="Post a tweet",
        tags=["tweets"],
        parameters=[_KEY],
        request=shapes.PostBody,
        responses={200: shapes.TweetAnswer, **errors(*BODY, 401, 422, 503)},
        examples=[
            request_example({"content": "The first snow of the year."}),
            answer_example({"message": "tweet created", "tweet": _NEW}),
        ],
    )
    def post(self, request: Request) -> Response:
        tweet = services.post_tweet(user_id=viewer_id(request), **_read_post(request))
        return Response(show_one("tweet created", selectors.as_created(tweet)))

    @extend_schema(
        operation_id="list_own_tweets",
        summary="One's own tweets",
        description="Includes replies and reposts, newest first.",
        tags=["tweets"],
        parameters=[PageQuery],
        responses={200: shapes.TweetsAnswer, **errors(400, 401, 503)},
        examples=[answer_example({"tweets": [TWEET_EXAMPLE], "next": None})],
    )
    def get(self, request: Request) -> Response:
        query = read_query(PageQuery, request)
        me = viewer_id(request)
        page = selectors.get_author_page(
            me, viewer_id=me, before_id=query["cursor"], limit=query["limit"]
        )
        return Response(show_page(page))


class TweetView(APIView):
    permission_classes = (IsAuthenticatedOrReadOnly,)

    @extend_schema(
        operation_id="get_tweet",
        summary="A tweet and its replies",
        description="Replies come oldest first. The id of a repost gives its original.",
        tags=["tweets"],
        parameters=[PageQuery],
        responses={200: shapes.ThreadAnswer, **errors(400, 401, 404, 503)},
        examples=[answer_example({"tweet": TWEET_EXAMPLE, "replies": [_REPLY], "next": None})],
    )
    def get(self, request: Request, tweet_id: str) -> Response:
        query = read_query(PageQuery, request)
        thread = selectors.get_thread(
            require_id(tweet_id, "tweet"),
            viewer_id=find_viewer_id(request),
            after_id=query["cursor"],
            limit=query["limit"],
        )
        return Response(show_thread(thread))

    @extend_schema(
        operation_id="delete_tweet",
        summary="Delete one's tweet",
        description="Its replies stay, with `parent_deleted`. Its likes and reposts are deleted.",
        tags=["tweets"],
        responses={200: shapes.MessageAnswer, **errors(401, 403, 404, 503)},
        examples=[answer_example({"message": "tweet deleted"})],
    )
    def delete(self, request: Request, tweet_id: str) -> Response:
        services.delete_tweet(tweet_id=require_id(tweet_id, "tweet"), user_id=viewer_id(request))
        return Response({"message": "tweet deleted"})


class ReplyView(APIView):
    rates: ClassVar = {"POST": "tweet"}

    @extend_schema(
        operation_id="reply",
        summary="Reply to a tweet",
        tags=["tweets"],
        parameters=[_KEY],
        request=shapes.PostBody,
        responses={200: shapes.TweetAnswer, **errors(*BODY, 401, 404, 422, 503)},
        examples=[
            request_example({"content": "Here it is all gone again."}),
            answer_example({"message": "reply created", "tweet": _REPLY}),
        ],
    )
    def post(self, request: Request, tweet_id: str) -> Response:
        tweet = services.reply(
            user_id=viewer_id(request),
            parent_id=require_id(tweet_id, "tweet"),
            **_read_post(request),
        )
        return Response(show_one("reply created", selectors.as_created(tweet)))


class LikeView(APIView):
    @extend_schema(
        operation_id="like",
        summary="Like a tweet",
        description="Liking a tweet twice is the same as liking it once.",
        tags=["tweets"],
        request=None,
        responses={200: shapes.TweetAnswer, **errors(401, 404, 503)},
        examples=[
            answer_example({"message": "tweet liked", "tweet": TWEET_EXAMPLE | {"liked": True}}),
        ],
    )
    def post(self, request: Request, tweet_id: str) -> Response:
        return _act(services.like, request, tweet_id, "tweet liked")

    @extend_schema(
        operation_id="unlike",
        summary="Unlike a tweet",
        description="Unliking a tweet that one does not like is no error.",
        tags=["tweets"],
        responses={200: shapes.TweetAnswer, **errors(401, 404, 503)},
        examples=[answer_example({"message": "like taken back", "tweet": TWEET_EXAMPLE})],
    )
    def delete(self, request: Request, tweet_id: str) -> Response:
        return _act(services.unlike, request, tweet_id, "like taken back")


class RepostView(APIView):
    @extend_schema(
        operation_id="repost",
        summary="Repost a tweet",
        description="Reposting a tweet twice is the same as reposting it once.",
        tags=["tweets"],
        request=None,
        responses={200: shapes.TweetAnswer, **errors(401, 404, 503)},
        examples=[
            answer_example(
                {
                    "message": "tweet reposted",
                    "tweet": TWEET_EXAMPLE | {"num_reposts": 1, "reposted": True},
                }
            )
        ],
    )
    def post(self, request: Request, tweet_id: str) -> Response:
        return _act(services.repost, request, tweet_id, "tweet reposted")

    @extend_schema(
        operation_id="undo_repost",
        summary="Undo a repost",
        description="Undoing a repost that does not exist is no error.",
        tags=["tweets"],
        responses={200: shapes.TweetAnswer, **errors(401, 404, 503)},
        examples=[answer_example({"message": "repost taken back", "tweet": TWEET_EXAMPLE})],
    )
    def delete(self, request: Request, tweet_id: str) -> Response:
        return _act(services.undo_repost, request, tweet_id, "repost taken back")


class UserTweetsView(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="list_tweets_of_user",
        summary="A user's tweets",
        description="By id or username. Includes replies and reposts, newest first.",
        tags=["tweets"],
        parameters=[PageQuery],
        responses={200: shapes.TweetsAnswer, **errors(400, 401, 404, 503)},
        examples=[answer_example({"tweets": [_REPOSTED, TWEET_EXAMPLE], "next": None})],
    )
    def get(self, request: Request, name: str) -> Response:
        query = read_query(PageQuery, request)
        page = selectors.get_author_page(
            selectors.get_author_id(name),
            viewer_id=find_viewer_id(request),
            before_id=query["cursor"],
            limit=query["limit"],
        )
        return Response(show_page(page))


def _read_post(request: Request) -> dict[str, Any]:
    body = read_body(shapes.PostBody, request)
    return {"content": body["content"], "idempotency_key": request.headers.get(KEY_HEADER)}


def _act(act: Callable[..., int], request: Request, tweet_id: str, message: str) -> Response:
    """Responds with the tweet as it is afterwards."""
    me = viewer_id(request)
    acted_on = act(tweet_id=require_id(tweet_id, "tweet"), user_id=me)
    return Response(show_one(message, selectors.get_tweet(acted_on, viewer_id=me)))
