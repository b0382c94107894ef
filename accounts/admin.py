"""What staff may do. Every change that others hear of goes through services, with its events.

Accounts are not deleted here: that can't be undone, and is for the user alone. Staff suspend.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest

from accounts import services
from accounts.models import Follow, User, UserQuerySet
from accounts.profiles import check_profile
from common.admin import LargeTableAdmin
from common.errors import Invalid
from common.ids import find_named_id
from common.permissions import staff_may_grant

_PROFILE = ("display_name", "bio")
# Who may sign in here, and to what.
_PRIVILEGES = ("is_staff", "is_superuser", "groups")


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(
        self, request: HttpRequest, model_admin: "admin.ModelAdmin[User]"
    ) -> Sequence[tuple[str, str]]:
        return [("suspended", "suspended"), ("staff", "staff")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        if self.value() == "suspended":
            return queryset.filter(suspended_at__isnull=False)
        if self.value() == "staff":
            return queryset.filter(is_staff=True)
        return queryset


class ProfileForm(ModelForm):  # type: ignore[type-arg]
    """Holds staff to the rules of `services.update_profile`."""

    def clean(self) -> dict[str, Any]:
        super().clean()
        cleaned: dict[str, Any] = self.cleaned_data
        edited = {name: cleaned.get(name) for name in _PROFILE if name in self.changed_data}
        try:
            check_profile(**dict.fromkeys(_PROFILE) | edited)
        except Invalid as error:
            for name, messages in error.fields.items():
                self.add_error(name, messages)
        return cleaned


@admin.register(User)
class UserAdmin(LargeTableAdmin):
    form = ProfileForm
    list_display = (
        "id",
        "username",
        "email",
        "num_tweets",
        "num_followers",
        "num_following",
        "created_at",
        "suspended_at",
    )
    list_filter = (StateFilter,)
    search_fields = ("username",)
    search_help_text = "an id, an e-mail address, or the beginning of a username"
    actions = ("suspend", "restore")
    fields = (
        "id",
        "username",
        "email",
        "display_name",
        "bio",
        "num_tweets",
        "num_followers",
        "num_following",
        "created_at",
        "suspended_at",
        "last_login",
        *_PRIVILEGES,
    )
    readonly_fields = tuple(name for name in fields if name not in (*_PROFILE, *_PRIVILEGES))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        assert isinstance(queryset, UserQuerySet)
        term = search_term.strip()
        id = find_named_id(term)
        if id:
            return queryset.filter(id=id), False
        if "@" in term:
            return queryset.with_email(term), False
        return (queryset.beginning_with(term) if term else queryset), False

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        is_superuser = getattr(request.user, "is_superuser", False)
        own = () if staff_may_grant(is_superuser=is_superuser) else _PRIVILEGES
        return (*self.readonly_fields, *own)

    def save_model(
        self, request: HttpRequest, obj: User, form: "ModelForm[User]", change: bool
    ) -> None:
        """Writes no column that it doesn't edit: counters move while the form is open."""
        edited = {name: getattr(obj, name) for name in _PROFILE if name in form.changed_data}
        services.update_profile(user_id=obj.id, by_staff=True, **edited)
        obj.save(update_fields=["is_staff", "is_superuser"])

    @admin.action(description="Suspend the selected users", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._each(request, queryset, services.suspend, "suspended")

    @admin.action(description="Restore the selected users", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._each(request, queryset, services.restore, "restored")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[User], do: Callable[..., Any], done: str
    ) -> None:
        ids = list(queryset.values_list("id", flat=True))
        for id in ids:
            do(user_id=id)
        self.message_user(request, f"{len(ids)} {done}")


@admin.register(Follow)
class FollowAdmin(LargeTableAdmin):
    actions = None
    list_display = ("id", "follower", "following", "created_at")
    list_select_related = ("follower", "following")
    search_fields = ("follower",)
    search_help_text = "the id or the username of either side"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Follow], search_term: str
    ) -> tuple[QuerySet[Follow], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        user_id = find_named_id(term)
        if user_id is None:
            user_id = User.objects.named(term).values_list("id", flat=True).first()
        return queryset.filter(Q(follower_id=user_id) | Q(following_id=user_id)), False
