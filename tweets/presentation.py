"""How the answers of tweets look in JSON."""

from typing import Any

from common import permissions
from common.http.pagination import Page, format_cursor
from grpc_services.clients.tweets import Tweet
from hydration.fragments import load_authors
from hydration.shapes import (
    find_authors,
    people_of,
    show_facts,
    show_tweet,
    show_tweets,
    visible,
)
from tweets.selectors import Thread


def show_one(message: str, tweet: Tweet) -> dict[str, Any]:
    """To a signed-in reader."""
    author = load_authors([tweet.user_id]).get(tweet.user_id)
    marks = {"liked": tweet.liked, "reposted": tweet.reposted}
    return {"message": message, "tweet": show_facts(tweet) | {"author": author} | marks}


def show_page(page: Page[Tweet]) -> dict[str, Any]:
    return {"tweets": show_tweets(page.items), "next": format_cursor(page.next)}


def show_thread(thread: Thread) -> dict[str, Any]:
    """Raises `NotFound` when the tweet's author is suspended or deleted."""
    authors = find_authors([thread.tweet, *thread.replies.items])
    permissions.check_shown(people_of(thread.tweet), authors)
    return {
        "tweet": show_tweet(thread.tweet, authors),
        "replies": [show_tweet(reply, authors) for reply in visible(thread.replies.items, authors)],
        "next": format_cursor(thread.replies.next),
    }
