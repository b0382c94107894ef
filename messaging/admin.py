from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from common.admin import LargeTableAdmin
from common.ids import parse_id
from messaging.models import OutboxEvent


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(
        self, request: HttpRequest, model_admin: "admin.ModelAdmin[OutboxEvent]"
    ) -> Sequence[tuple[str, str]]:
        return [("pending", "pending"), ("published", "published")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[OutboxEvent]
    ) -> QuerySet[OutboxEvent]:
        if self.value() == "pending":
            return queryset.filter(published_at__isnull=True)
        if self.value() == "published":
            return queryset.filter(published_at__isnull=False)
        return queryset


@admin.register(OutboxEvent)
class OutboxEventAdmin(LargeTableAdmin):
    """Shows the outbox of the admin's own database."""

    staff_may = frozenset({"view"})
    actions = None

    list_display = ("id", "routing_key", "body", "created_at", "published_at")
    list_filter = (StateFilter,)
    search_fields = ("id",)
    search_help_text = "An event's id, or a routing key such as tweet.created"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[OutboxEvent], search_term: str
    ) -> tuple[QuerySet[OutboxEvent], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        id = parse_id(term)
        return (queryset.filter(id=id) if id else queryset.filter(routing_key=term)), False
