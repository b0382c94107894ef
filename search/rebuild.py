"""The index made anew from tweets and accounts, beside the one in use."""

from collections.abc import Callable, Sequence

from grpc_services.clients import accounts
from grpc_services.clients.calls import MAX_IDS
from grpc_services.clients.tweets import Tweet, list_tweets
from search.index import Document, index

# Tweets, and so authors, of one question.
PAGE = MAX_IDS

Report = Callable[[Sequence[Tweet]], None]


def rebuild(report: Report = lambda page: None) -> int:
    """Returns how many tweets were loaded. `report` is called after each page.

    The worker writes to both indexes from before the first page is read. So whatever happens to a
    tweet after its page was read comes as news, and news has a higher version than a page.
    Raises `search.index.Superseded` when another rebuild has begun meanwhile.
    """
    building = index().rebuild()
    try:
        loaded = 0
        after_id = None
        while page := list_tweets(after_id=after_id, limit=PAGE):
            known = accounts.get_users({tweet.user_id for tweet in page})
            building.load(
                Document(
                    id=tweet.id,
                    user_id=tweet.user_id,
                    content=tweet.content,
                    created_at=tweet.created_at,
                    hidden=tweet.user_id not in known,
                )
                for tweet in page
            )
            after_id = page[-1].id
            loaded += len(page)
            report(page)
        building.finish()
    except BaseException:
        building.abandon()
        raise
    return loaded
