"""Two limits: a view that does nothing, and a view with one empty gRPC call."""

from functools import cache

from django.http import HttpRequest, HttpResponse
from django.urls import path

from grpc_services.channels import channel
from grpc_services.generated import tweet_service_pb2 as pb
from grpc_services.generated.tweet_service_pb2_grpc import TweetStub


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"{}", content_type="application/json")


def one_call(request: HttpRequest) -> HttpResponse:
    _stub().GetTweets(pb.GetTweetsReq(), timeout=5)
    return nothing(request)


@cache
def _stub() -> TweetStub:
    return TweetStub(channel("tweets"))


urlpatterns = [path("nothing", nothing), path("one-call", one_call), path("health", nothing)]
