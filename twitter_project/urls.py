from django.conf import settings
from django.contrib import admin
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.urls import path
from django.utils.module_loading import import_string
from django_otp.middleware import OTPMiddleware
from django_otp.plugins.otp_totp.models import TOTPDevice

from twitter_project import views
from twitter_project.headers import ADMIN_HEADERS, route_headers
from twitter_project.route_middleware import route_middleware
from twitter_project.routes import decorated

admin.autodiscover()
admin.site.unregister(TOTPDevice)  # it shows keys; `manage.py enrol_staff` makes devices
admin_urls = decorated(
    admin.site.urls,
    route_headers(ADMIN_HEADERS),
    route_middleware(SessionMiddleware, AuthenticationMiddleware, OTPMiddleware, MessageMiddleware),
)

# The resolver tries patterns in order: the routes with the most traffic come first.
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
    path(f"{settings.STATIC_URL.lstrip('/')}<path:path>", views.static_file),
    path(settings.ADMIN_PATH, admin_urls),
]

handler400 = "common.http.exceptions.bad_request"
handler403 = "common.http.exceptions.forbidden"
handler404 = "common.http.exceptions.not_found"
handler500 = "common.http.exceptions.server_error"
