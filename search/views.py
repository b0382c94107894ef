from typing import ClassVar

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from common.errors import Invalid
from common.http.authentication import viewer_id
from common.http.pagination import read_query
from common.http.schema import answer_example, errors
from common.http.views import APIView
from hydration.shapes import TWEET_EXAMPLE
from search import selectors
from search.index import WINDOW
from search.serializers import SearchQuery, SearchSerializer


class SearchView(APIView):
    rates: ClassVar = {"GET": "search"}

    @extend_schema(
        operation_id="search",
        summary="Tweets that contain all the words, best first",
        description=(
            "Ordered by relevance and freshness. Pages by `cursor` repeat no tweet while new ones "
            "arrive; a cursor expires two minutes after its page. While tweets is down, counters "
            "are null; while accounts is down, authors are null."
        ),
        parameters=[SearchQuery],
        responses={200: SearchSerializer, **errors(400, 401, 422, 503)},
        examples=[
            answer_example(
                {
                    "query": "snow",
                    "results": [{**TWEET_EXAMPLE, "score": 3.25}],
                    "count": 1,
                    "total": 1,
                    "limit": 20,
                    "offset": 0,
                    "next": None,
                },
                name="a page",
            )
        ],
    )
    def get(self, request: Request) -> HttpResponse:
        query = read_query(SearchQuery, request)
        text, limit, offset = query["q"], query["limit"], query["offset"]
        if offset + limit > WINDOW:
            raise Invalid(
                f"offset: offset + limit must be {WINDOW} at most; use cursor instead",
                fields={"offset": [f"offset + limit must be {WINDOW} at most; use cursor instead"]},
            )
        page = selectors.search(
            text, limit=limit, offset=offset, cursor=query["cursor"], viewer_id=viewer_id(request)
        )
        rest = {
            "count": len(page.results),
            "total": page.total,
            "limit": limit,
            "offset": offset,
            "next": page.next,
        }
        return HttpResponse(
            b'{"query":%b,"results":[%b],%b'
            % (orjson.dumps(text), b",".join(page.results), orjson.dumps(rest)[1:]),
            content_type="application/json",
        )
