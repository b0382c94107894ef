"""Admin classes for large tables: no full counts, no order without an index."""

from collections.abc import Container
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.forms import BooleanField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property

# Rows that the pages of a list show. Staff search or filter for others.
MAX_ROWS = 10_000
# Rows that an action changes in one request.
MAX_SELECTED = 500


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to `MAX_ROWS`. Later rows have no page."""

    @cached_property
    def count(self) -> int:
        return int(self.object_list.order_by()[:MAX_ROWS].count())  # type: ignore[attr-defined]


class LargeTableAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists the newest rows first, in no other order.

    Subclasses search in `get_search_results`, by columns with an index. `search_fields` only makes
    Django show the search box.
    """

    # of view, add, change and delete; the others are refused, also to superusers
    staff_may: ClassVar[Container[str]] = frozenset()

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    sortable_by: ClassVar[tuple[str, ...]] = ()
    ordering = ("-id",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allows no conditions in the URL but those of the list's filters.

        Django allows conditions on every column. They may read the whole table, answer 500 to an
        invalid regex, and let staff guess a superuser's password hash character by character.
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
        across = BooleanField().to_python(request.POST.get("select_across"))  # like Django
        if across and len(queryset[: MAX_SELECTED + 1]) > MAX_SELECTED:
            name = self.opts.verbose_name_plural
            self.message_user(
                request,
                f"An action changes {MAX_SELECTED} {name} at most: search or filter for fewer.",
                messages.ERROR,
            )
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset, *args, **kwargs)

    def _staff_may(self, action: str) -> bool:
        return action in self.staff_may
