"""The index made anew from tweets and accounts, beside the one in use."""

from collections.abc import Callable, Iterator, Sequence

from grpc_services.clients import accounts, tweets
from grpc_services.clients.calls import MAX_IDS
from grpc_services.clients.tweets import Tweet
from search.index import CREATED, Document, index

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
        for page in _pages():
            building.load(documents_of(page, version=CREATED))
            loaded += len(page)
            report(page)
        building.finish()
    except BaseException:
        building.abandon()
        raise
    return loaded


def documents_of(page: Sequence[Tweet], *, version: int | None = None) -> list[Document]:
    """The documents that the index should have now. Asks accounts whose tweets are hidden.

    Without a `version` they get the time of that answer, and replace what is older.
    """
    hidden = accounts.find_hidden({tweet.user_id for tweet in page})
    return [
        Document(
            id=tweet.id,
            user_id=tweet.user_id,
            content=tweet.content,
            created_at=tweet.created_at,
            version=hidden.as_of_us if version is None else version,
            hidden=tweet.user_id in hidden.user_ids,
        )
        for tweet in page
    ]


def _pages() -> Iterator[Sequence[Tweet]]:
    """Up to the first page that isn't full: what is posted by then is news to the worker."""
    after_id = None
    while page := tweets.list_tweets(after_id=after_id, limit=PAGE):
        yield page
        if len(page) < PAGE:
            return
        after_id = page[-1].id
