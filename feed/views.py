import orjson
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from common.http.authentication import viewer_id
from common.http.pagination import format_cursor, read_query
from common.http.schema import answer_example, errors
from common.http.views import APIView
from feed.serializers import FeedQuery, FeedSerializer
from feed.timeline import read_by_cursor, read_by_offset
from hydration.shapes import TWEET_EXAMPLE


class FeedView(APIView):
    @extend_schema(
        operation_id="read_feed",
        summary="The newest tweets and reposts of those you follow, and your own",
        description=(
            "Each tweet and each repost is an entry. By `cursor`, pages go back to the first entry "
            "of all, and skip or repeat none while new ones arrive. By `offset`, pages show "
            "positions in the newest entries, 800 at most. A page shows a tweet once, under its "
            "newest entry; a later page may show it again, under an older one."
        ),
        parameters=[FeedQuery],
        responses={200: FeedSerializer, **errors(400, 401, 503)},
        examples=[
            answer_example(
                {
                    "tweets": [TWEET_EXAMPLE],
                    "count": 1,
                    "limit": 50,
                    "offset": 0,
                    "next": None,
                },
                name="a page",
            )
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        query = read_query(FeedQuery, request)
        limit, offset, cursor = query["limit"], query["offset"], query["cursor"]
        if cursor is None:
            page = read_by_offset(viewer_id(request), offset=offset, limit=limit)
        else:
            page = read_by_cursor(viewer_id(request), before_id=cursor, limit=limit)
        rest = {
            "count": page.count,
            "limit": limit,
            "offset": offset,
            "next": format_cursor(page.next),
        }
        return HttpResponse(
            b'{"tweets":[%b],%b' % (b",".join(page.tweets), orjson.dumps(rest)[1:]),
            content_type="application/json",
        )
