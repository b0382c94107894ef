"""The admin's door: password and one-time code, both slowed down for who guesses."""

from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django_otp import devices_for_user, user_has_device
from django_otp.admin import OTPAdminAuthenticationForm

from accounts import attempts
from common.db import atomic
from common.errors import TooMany
from common.throttling import client_address


class SignInForm(OTPAdminAuthenticationForm):  # type: ignore[misc]
    """The code is asked of everyone in production, elsewhere of those who have a device."""

    def clean(self) -> dict[str, Any]:
        account = f"admin {self.cleaned_data.get('username', '')}"
        try:
            with attempts.counted(account=account, address=client_address(self.request)):
                return self._check()
        except TooMany as error:
            raise ValidationError(
                f"{error.message} ({error.retry_after} seconds)", code="too_many"
            ) from None

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


class Site(AdminSite):
    login_form = SignInForm
    login_template = "otp/admin111/login.html"

    def has_permission(self, request: HttpRequest) -> bool:
        if not super().has_permission(request):
            return False
        return not settings.ADMIN_TWO_FACTOR or bool(request.user.is_verified())  # type: ignore[union-attr]
