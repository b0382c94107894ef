"""The admin on tables of any size: no full count, no order that lacks an index."""

from typing import ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import cached_property

from common.permissions import staff_may

# Nobody turns more pages than this: who looks for something searches or filters.
MOST_ROWS = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts the first `MOST_ROWS` rows and no more; later ones have no page."""

    @cached_property
    def count(self) -> int:
        return int(self.object_list.order_by()[:MOST_ROWS].count())  # type: ignore[attr-defined]


class LargeTableAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Newest first and in no other order, for what `common.permissions` lets staff do.

    Subclasses search by what an index answers, in `get_search_results`; `search_fields` only makes
    the box appear.
    """

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    sortable_by: ClassVar[tuple[str, ...]] = ()
    ordering = ("-id",)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._staff_may("view") and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._staff_may("add") and super().has_add_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._staff_may("change") and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._staff_may("delete") and super().has_delete_permission(request, obj)

    def _staff_may(self, action: str) -> bool:
        return staff_may(action, self.opts.label_lower)
