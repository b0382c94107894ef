from django.conf import settings
from django.contrib import admin
from django.urls import path
from django.utils.module_loading import import_string
from django_otp.plugins.otp_totp.models import TOTPDevice

from twitter_project import views

admin.autodiscover()
admin.site.unregister(TOTPDevice)  # it shows keys: `manage.py enrol_staff` makes them

# What is asked for most is found first.
_BY_TRAFFIC = ("feed", "tweets", "search", "accounts")

urlpatterns = [
    *(
        pattern
        for service in _BY_TRAFFIC
        if service in settings.SERVICES
        for pattern in import_string(f"{service}.urls.urlpatterns")
    ),
    path("", views.index, name="index"),
    path("docs", views.docs, name="docs"),
    path("schema", views.schema, name="schema"),
    path("health", views.HealthView.as_view()),
    path("ready", views.ReadyView.as_view()),
    path(settings.ADMIN_PATH, admin.site.urls),
]

handler400 = "common.http.exceptions.bad_request"
handler403 = "common.http.exceptions.forbidden"
handler404 = "common.http.exceptions.not_found"
handler500 = "common.http.exceptions.server_error"
