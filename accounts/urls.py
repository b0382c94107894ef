from django.urls import path

from accounts.views import follows, sessions, users

urlpatterns = [
    path("hello", sessions.HelloView.as_view()),
    path("users/register", sessions.RegisterView.as_view()),
    path("users/login", sessions.LoginView.as_view()),
    path("users/refresh", sessions.RefreshView.as_view()),
    path("users/logout", sessions.LogoutView.as_view()),
    path("users/me", users.MeView.as_view()),
    path("users/me/password", sessions.PasswordView.as_view()),
    path("users/<str:name>", users.UserView.as_view()),
    path("users/<str:name>/followers", follows.UserFollowersView.as_view()),
    path("users/<str:name>/following", follows.UserFollowingView.as_view()),
    path("follow", follows.FollowView.as_view()),
    path("follow/<str:following_id>", follows.UnfollowView.as_view()),
    path("following", follows.FollowingView.as_view()),
]
