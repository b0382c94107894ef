"""The admin site: sign-in by password and one-time code, and checks that all its pages share."""

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
    """The code is asked of everyone in production, elsewhere of those who have a device."""

    def clean(self) -> dict[str, Any]:
        account = f"admin {self.cleaned_data.get('username', '')}"
        try:
            with attempts.counted(account=account, address=client_address(self.request)):
                return self._check()
        except TooMany as error:
            raise _too_many(error) from None

    def _check(self) -> dict[str, Any]:
        # past the form that always asks for a code
        cleaned: dict[str, Any] = super(OTPAdminAuthenticationForm, self).clean()
        user = self.get_user()
        if user and (settings.ADMIN_TWO_FACTOR or user_has_device(user)):
            self._check_code(user)
        return cleaned

    def _check_code(self, user: Any) -> None:
        """The device's count of failures is kept even where the code is wrong."""
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
        """Everyone has one (`manage.py enrol_staff`), so there is nothing to choose."""
        return next(iter(devices_for_user(user, for_verify=True)), None)

    def _update_form(self, user: Any) -> None:
        """Sends no password back with the form."""


class OwnPasswordForm(AdminPasswordChangeForm):
    """Guesses of the old password count as they do in the API."""

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
        """Ends all sessions but the admin's own, which the view keeps."""
        new = self.cleaned_data["new_password1"]
        changed = services.set_password(user_id=self.user.id, new_password=new)
        self.user.password, self.user.session_epoch = changed.password, changed.session_epoch
        return self.user


def _too_many(error: TooMany) -> ValidationError:
    return ValidationError(f"{error.message} ({error.retry_after} seconds)", code="too_many")


class Site(AdminSite):
    site_header = site_title = "Microblog"
    enable_nav_sidebar = False  # lists need the room
    login_form = SignInForm
    login_template = "otp/admin111/login.html"

    def password_change(  # type: ignore[override]  # the stubs leave out the redirect
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """As Django's, with our form."""
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
        return super().admin_view(_refusing_bad_ids(view), cacheable)


def _refusing_bad_ids(view: View) -> View:
    """Refuses a bulk action on an id that is none: Django passes it to the database unchecked."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST":
            for id in request.POST.getlist(ACTION_CHECKBOX_NAME):
                if parse_id(id) is None:
                    raise BadRequest("a selected id is no id")
        return view(request, *args, **kwargs)

    return cast(View, checked)
