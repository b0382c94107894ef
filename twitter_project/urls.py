from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from twitter_project import views

admin.autodiscover()

urlpatterns = [
    path("", views.index, name="index"),
    path("docs", views.docs, name="docs"),
    path("schema", views.schema, name="schema"),
    path("health", views.HealthView.as_view()),
    path("ready", views.ReadyView.as_view()),
    path("admin/", admin.site.urls),
    *(path("", include(f"{service}.urls")) for service in settings.SERVICES),
]

handler400 = "common.exception_handler.bad_request"
handler403 = "common.exception_handler.forbidden"
handler404 = "common.exception_handler.not_found"
handler500 = "common.exception_handler.server_error"
