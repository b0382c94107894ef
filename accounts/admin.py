"""The admin of users and follows. Changes that have events go through `services`.

Staff suspend accounts. They cannot delete one: only its owner can.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.forms import ModelForm, ModelMultipleChoiceField
from django.http import HttpRequest

from accounts import permissions, services
from accounts.models import Follow, User, UserQuerySet
from accounts.profiles import check_profile
from common.admin import LargeTableAdmin
from common.errors import Invalid, ServiceError
from common.ids import find_named_id

_PROFILE = ("display_name", "bio")
# Access to the admin, and permissions in it.
_FLAGS = ("is_staff", "is_superuser")
_PRIVILEGES = (*_FLAGS, "groups")
_GROUP_ID = re.compile(r"[0-9]{1,9}")  # the column has 32 bits


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


class GroupsField(ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Refuses ids that do not fit the database column, instead of failing on them."""

    def to_python(self, value: Any) -> Any:
        for pk in value or ():
            if not _GROUP_ID.fullmatch(str(pk)):
                message = self.error_messages["invalid_pk_value"]
                raise ValidationError(message, code="invalid_pk_value", params={"pk": pk})
        return super().to_python(value)

    def clean(self, value: Any) -> Any:
        self.to_python(value)
        return super().clean(value)


class UserForm(ModelForm):  # type: ignore[type-arg]
    """Validates as `services.update_profile` does.

    Carries the values that it was opened with, so that `changed_data` lists only what this member
    of staff changed. Saving then does not restore a flag or group that somebody else removed while
    the form was open. A request without these values is compared with the row.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        carries_initial = any(name.startswith("initial-") for name in self.data)
        for field in self.fields.values():
            field.show_hidden_initial = carries_initial or not self.is_bound

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
    staff_may = permissions.STAFF_MAY["user"]
    form = UserForm
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
    search_help_text = "an id, an e-mail address, or the start of a username"
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

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(db_field, request, form_class=GroupsField, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if permissions.grant_privileges.allows(by_superuser=_is_superuser(request)):
            return self.readonly_fields
        return (*self.readonly_fields, *_PRIVILEGES)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        if not super().has_change_permission(request, obj):
            return False
        of_staff = isinstance(obj, User) and obj.has_privileges
        return permissions.manage.allows(by_superuser=_is_superuser(request), of_staff=of_staff)

    def save_model(
        self, request: HttpRequest, obj: User, form: "ModelForm[User]", change: bool
    ) -> None:
        """Writes the changed fields only: the row may change while the form is open."""
        edited = {name: getattr(obj, name) for name in _PROFILE if name in form.changed_data}
        services.update_profile(user_id=obj.id, by_staff=True, **edited)
        flags = [name for name in _FLAGS if name in form.changed_data]
        if flags:
            obj.save(update_fields=flags)

    def save_related(
        self, request: HttpRequest, form: "ModelForm[User]", formsets: Any, change: bool
    ) -> None:
        """Adds and removes the changed groups only: others may change while the form is open."""
        if "groups" not in form.changed_data:
            return
        box, groups = form["groups"], form.instance.groups
        chosen = {str(group.pk) for group in form.cleaned_data["groups"]}
        if box.field.show_hidden_initial:
            opened = set(request.POST.getlist(box.html_initial_name))
        else:
            opened = {str(group.pk) for group in form.initial["groups"]}
        groups.add(*map(int, chosen - opened))
        groups.remove(*(group for group in groups.all() if str(group.pk) in opened - chosen))

    @admin.action(description="Suspend the selected users", permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._each(request, queryset, services.suspend, "suspended")

    @admin.action(description="Restore the selected users", permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._each(request, queryset, services.restore, "restored")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[User], do: Callable[..., Any], done: str
    ) -> None:
        count = 0
        for id, username in list(queryset.values_list("id", "username")):
            try:
                do(user_id=id, by_superuser=_is_superuser(request))
            except ServiceError as error:
                self.message_user(request, f"{username}: {error.message}", messages.ERROR)
            else:
                count += 1
        self.message_user(request, f"{count} {done}")


def _is_superuser(request: HttpRequest) -> bool:
    return getattr(request.user, "is_superuser", False)


@admin.register(Follow)
class FollowAdmin(LargeTableAdmin):
    staff_may = permissions.STAFF_MAY["follow"]
    actions = None
    list_display = ("id", "follower", "following", "created_at")
    list_select_related = ("follower", "following")
    search_fields = ("follower",)
    search_help_text = "the id or the username of the follower or the followed user"

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
