"""The admin's pages of tweets and likes. Deletion uses the services that the API uses."""

from collections.abc import Sequence
from datetime import timedelta

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from common.admin import MAX_ROWS, LargeTableAdmin
from common.errors import Unavailable
from common.ids import first_id_at, parse_id
from grpc_services.clients import accounts
from tweets import permissions, services
from tweets.models import Like, Tweet, TweetQuerySet


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(
        self, request: HttpRequest, model_admin: "admin.ModelAdmin[Tweet]"
    ) -> Sequence[tuple[str, str]]:
        return [("own", "no replies"), ("reply", "replies")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Tweet]) -> QuerySet[Tweet]:
        if self.value() in ("own", "reply"):
            return queryset.filter(parent_id__isnull=self.value() == "own")
        return queryset


class PostedFilter(admin.SimpleListFilter):
    """Filters by id, whose high bits are the time."""

    title = "posted"
    parameter_name = "posted"

    def lookups(
        self, request: HttpRequest, model_admin: "admin.ModelAdmin[Tweet]"
    ) -> Sequence[tuple[str, str]]:
        return [("1", "in the last hour"), ("24", "in the last day"), ("168", "in the last week")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Tweet]) -> QuerySet[Tweet]:
        hours = self.value()
        if hours not in ("1", "24", "168"):
            return queryset
        return queryset.filter(id__gte=first_id_at(timezone.now() - timedelta(hours=int(hours))))


class TweetList(ChangeList):
    """A page of tweets with their authors' names, read from accounts by one call."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        tweets = list(self.result_list)
        try:
            authors = accounts.get_users({tweet.user_id for tweet in tweets})
        except Unavailable:
            authors = {}
        for tweet in tweets:
            author = authors.get(tweet.user_id)
            tweet.author_name = author.username if author else None
        self.result_list = tweets


@admin.register(Tweet)
class TweetAdmin(LargeTableAdmin):
    staff_may = permissions.STAFF_MAY["tweet"]
    list_display = (
        "author",
        "content",
        "likes",
        "replies",
        "reposts",
        "created_at",
    )
    list_display_links = ("content",)
    list_filter = (KindFilter, PostedFilter)
    search_fields = ("content",)
    search_help_text = (
        "the id of a tweet, its parent or its author, or an author's @username; "
        f"other text is searched in the newest {MAX_ROWS:,} tweets"
    )
    fields = (
        "id",
        "user_id",
        "content",
        "parent_id",
        "num_likes",
        "num_replies",
        "num_reposts",
        "created_at",
    )

    @admin.display(empty_value="(not known)")
    def author(self, tweet: Tweet) -> str | None:
        name: str | None = getattr(tweet, "author_name", None)
        return name

    # Short column headings leave room for the content.
    @admin.display
    def likes(self, tweet: Tweet) -> int:
        return tweet.num_likes

    @admin.display
    def replies(self, tweet: Tweet) -> int:
        return tweet.num_replies

    @admin.display
    def reposts(self, tweet: Tweet) -> int:
        return tweet.num_reposts

    def get_queryset(self, request: HttpRequest) -> TweetQuerySet:
        return Tweet.objects.tweets().order_by("-id")

    def get_changelist(self, request: HttpRequest, **kwargs: object) -> type[ChangeList]:
        return TweetList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Tweet], search_term: str
    ) -> tuple[QuerySet[Tweet], bool]:
        term = search_term.strip()
        id = parse_id(term)
        if id is not None:
            return queryset.filter(Q(id=id) | Q(user_id=id) | Q(parent_id=id)), False
        if term.startswith("@"):
            return self._written_by(request, queryset, term[1:]), False
        if term:
            queryset = queryset.filter(id__gte=_oldest_searched(), content__icontains=term)
        return queryset, False

    def delete_model(self, request: HttpRequest, obj: Tweet) -> None:
        services.remove_tweets([obj.id])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Tweet]) -> None:
        services.remove_tweets(list(queryset.values_list("id", flat=True)))

    def _written_by(
        self, request: HttpRequest, queryset: QuerySet[Tweet], username: str
    ) -> QuerySet[Tweet]:
        try:
            author = accounts.find_user(username=username)
        except Unavailable:
            self.message_user(
                request, "accounts is down; search by the author's id", messages.WARNING
            )
            return queryset.none()
        return queryset.filter(user_id=author.id) if author else queryset.none()


def _oldest_searched() -> int:
    newest = Tweet.objects.order_by("-id").values_list("id", flat=True)
    return newest[MAX_ROWS - 1 : MAX_ROWS].first() or 0


@admin.register(Like)
class LikeAdmin(LargeTableAdmin):
    staff_may = permissions.STAFF_MAY["like"]
    actions = None
    list_display = ("id", "tweet_id", "user_id", "created_at")
    search_fields = ("tweet",)
    search_help_text = "the id of the tweet or of the user who likes it"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Like], search_term: str
    ) -> tuple[QuerySet[Like], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        id = parse_id(term)
        return queryset.filter(Q(tweet_id=id) | Q(user_id=id)), False
