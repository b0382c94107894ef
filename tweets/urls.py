from django.urls import path

from tweets import views

urlpatterns = [
    path("tweet", views.TweetsView.as_view()),
    path("tweet/<str:tweet_id>", views.TweetView.as_view()),
    path("tweet/<str:tweet_id>/reply", views.ReplyView.as_view()),
    path("tweet/<str:tweet_id>/like", views.LikeView.as_view()),
    path("tweet/<str:tweet_id>/repost", views.RepostView.as_view()),
    path("users/<str:name>/tweets", views.UserTweetsView.as_view()),
]
