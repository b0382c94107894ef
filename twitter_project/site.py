"""The admin site: sign-in by password and one-time code, and checks for all of its views."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, TypeVar, cast

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import BadRequest, ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django_otp import devices_for_user, user_has_device
from django_otp.admin import OTPAdminAuthenticationForm

from accounts import attempts, services
from accounts.models import User
from common.db import atomic
from common.errors import ServiceError, TooMany
from common.http.throttling import client_address
from common.ids import parse_id

View = TypeVar("View", bound=Callable[..., Any])


class SignInForm(OTPAdminAuthenticationForm):  # type: ignore[misc]
    """Asks for a code where ADMIN_TWO_FACTOR is set, or where the user has a device."""

    def clean(self) -> dict[str, Any]:
        account = f"admin {self.cleaned_data.get('username', '')}"
        try:
            with attempts.counted(account=account, address=client_address(self.request)):
                return self._check()
        except TooMany as error:
            raise _too_many(error) from None

    def _check(self) -> dict[str, Any]:
        # skips OTPAdminAuthenticationForm, which always asks for a code
        cleaned: dict[str, Any] = super(OTPAdminAuthenticationForm, self).clean()
        user = self.get_user()
        if user and (settings.ADMIN_TWO_FACTOR or user_has_device(user)):
            self._check_code(user)
        return cleaned

    def _check_code(self, user: Any) -> None:
        """Commits the device's count of failures even if the code is wrong."""
        wrong: ValidationError | None = None
        with atomic("accounts"):
            try:
                self.clean_otp(user)
            except ValidationError as error:
                wrong = error
        if wrong:
            self.user_cache = None
            raise wrong

    def _chosen_device(self, user: Any) -> Any:
        """A user has one device, made by `manage.py enrol_staff`."""
        return next(iter(devices_for_user(user, for_verify=True)), None)

    def _update_form(self, user: Any) -> None:
        """Sends no password back with the form."""


class OwnPasswordForm(AdminPasswordChangeForm):
    """Counts wrong old passwords as the API does."""

    user: User

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._address = client_address(request)

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        try:
            services.check_own_password(
                user_id=self.user.id, password=password, address=self._address
            )
        except TooMany as error:
            raise _too_many(error) from None
        except ServiceError as error:
            raise ValidationError(error.message, code="password_incorrect") from None
        return password

    def save(self, commit: bool = True) -> User:
        """Ends all sessions of the user but this one, which the view renews."""
        new = self.cleaned_data["new_password1"]
        changed = services.set_password(user_id=self.user.id, new_password=new)
        self.user.password, self.user.session_epoch = changed.password, changed.session_epoch
        return self.user


def _too_many(error: TooMany) -> ValidationError:
    return ValidationError(f"{error.message} ({error.retry_after} seconds)", code="too_many")


class Site(AdminSite):
    site_header = site_title = "Microblog"
    enable_nav_sidebar = False  # lists need the width
    login_form = SignInForm
    login_template = "otp/admin111/login.html"

    def password_change(  # type: ignore[override]  # the stubs lack the redirect
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Django's, with OwnPasswordForm."""
        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=partial(OwnPasswordForm, request=request),
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def has_permission(self, request: HttpRequest) -> bool:
        if not super().has_permission(request):
            return False
        return not settings.ADMIN_TWO_FACTOR or bool(request.user.is_verified())  # type: ignore[union-attr]

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        return super().admin_view(_refuse_bad_ids(view), cacheable)


def _refuse_bad_ids(view: View) -> View:
    """Answers 400 to a bulk action on a malformed id, which Django would pass to the database."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST":
            for id in request.POST.getlist(ACTION_CHECKBOX_NAME):
                if parse_id(id) is None:
                    raise BadRequest("a selected id is malformed")
        return view(request, *args, **kwargs)

    return cast(View, checked)
