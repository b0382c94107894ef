"""The JSON of tweets' responses."""

from common.http.pagination import Page, format_cursor
from grpc_services.clients.tweets import Tweet
from hydration.read import find_users, load_authors
from hydration.shapes import MARKS, Json, show, show_facts, show_tweet
from hydration.visibility import check_shown, people_of, visible
from tweets.selectors import Thread


def show_one(message: str, tweet: Tweet) -> Json:
    """For a signed-in viewer."""
    author = load_authors([tweet.user_id]).get(tweet.user_id)
    shown = show_facts(tweet) | {"author": author} | show(MARKS, tweet)
    return {"message": message, "tweet": shown}


def show_page(page: Page[Tweet]) -> Json:
    authors = find_users(people_of(*page.items))
    shown = [show_tweet(tweet, authors) for tweet in visible(page.items, authors)]
    return {"tweets": shown, "next": format_cursor(page.next)}


def show_thread(thread: Thread) -> Json:
    """Raises `NotFound` when the tweet's author is suspended or deleted."""
    authors = find_users(people_of(thread.tweet, *thread.replies.items))
    check_shown(people_of(thread.tweet), authors)
    return {
        "tweet": show_tweet(thread.tweet, authors),
        "replies": [show_tweet(reply, authors) for reply in visible(thread.replies.items, authors)],
        "next": format_cursor(thread.replies.next),
    }
