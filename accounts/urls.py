from django.urls import path

from accounts import views

urlpatterns = [
    path("hello", views.HelloView.as_view()),
    path("users/register", views.RegisterView.as_view()),
    path("users/login", views.LoginView.as_view()),
    path("users/refresh", views.RefreshView.as_view()),
    path("users/logout", views.LogoutView.as_view()),
    path("users/me", views.MeView.as_view()),
    path("users/me/password", views.PasswordView.as_view()),
    path("users/<str:name>", views.UserView.as_view()),
    path("users/<str:name>/followers", views.UserFollowersView.as_view()),
    path("users/<str:name>/following", views.UserFollowingView.as_view()),
    path("follow", views.FollowView.as_view()),
    path("follow/<str:following_id>", views.UnfollowView.as_view()),
    path("following", views.FollowingView.as_view()),
]
