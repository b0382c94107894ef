"""The admin on tables of any size: no full count, no order that lacks an index."""

from collections.abc import Container
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import BooleanField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property

# Nobody turns more pages than this: who looks for something searches or filters.
MOST_ROWS = 10_000
# Rows that an action changes in one request.
MOST_CHOSEN = 500


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts the first `MOST_ROWS` rows and no more; later ones have no page."""

    @cached_property
    def count(self) -> int:
        return int(self.object_list.order_by()[:MOST_ROWS].count())  # type: ignore[attr-defined]


class LargeTableAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Newest first and in no other order, for what `staff_may` lets staff do.

    Subclasses search by what an index answers, in `get_search_results`; `search_fields` only makes
    the box appear.
    """

    # view, add, change, delete: what is missing is refused, also to superusers
    staff_may: ClassVar[Container[str]] = frozenset()

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    sortable_by: ClassVar[tuple[str, ...]] = ()
    ordering = ("-id",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allows the filters that are shown, and no other condition in the address.

        Django allows one on every column: it reads the whole table, answers 500 to a regex that is
        not valid, and lets staff guess the hash of a superuser's password character by character.
        """
        return any(lookup == getattr(shown, "parameter_name", None) for shown in self.list_filter)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._staff_may("view") and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._staff_may("add") and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._staff_may("change") and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._staff_may("delete") and super().has_delete_permission(request, obj)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> HttpResponse | None:
        across = BooleanField().to_python(request.POST.get("select_across"))  # as Django reads it
        if across and len(queryset[: MOST_CHOSEN + 1]) > MOST_CHOSEN:
            name = self.opts.verbose_name_plural
            self.message_user(
                request,
                f"an action changes {MOST_CHOSEN} {name} at most: search, or filter",
                messages.ERROR,
            )
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset, *args, **kwargs)

    def _staff_may(self, action: str) -> bool:
        return action in self.staff_may
