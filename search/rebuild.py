"""Rebuilds the index from tweets and accounts, beside the one in use."""

from collections.abc import Callable, Iterator, Sequence

from grpc_services.clients import accounts, tweets
from grpc_services.clients.calls import MAX_IDS
from grpc_services.clients.tweets import Tweet
from search.index import CREATED, Document, index

# Tweets, and therefore authors, in one call.
PAGE = MAX_IDS

Report = Callable[[Sequence[Tweet]], None]


def rebuild(report: Report = lambda page: None) -> int:
    """Returns the number of loaded tweets. `report` receives each page.

    The worker writes to both indexes before the first page is read. A change after its page was
    read therefore reaches the new index as an event, whose version is above the page's.
    Raises `search.index.Superseded` if another rebuild has started.
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
    """The tweets' documents, hidden if accounts says that the author is.

    The default version is the time of accounts' answer, so that they replace older documents.
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
    """Ends at the first page that is not full. The worker indexes tweets posted later."""
    after_id = None
    while page := tweets.list_tweets(after_id=after_id, limit=PAGE):
        yield page
        if len(page) < PAGE:
            return
        after_id = page[-1].id
