from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from benchmarks.datasets import token
from benchmarks.harness import Comparison, Row, Sense
from benchmarks.http_load import Connection, bearer, request
from benchmarks.rows.delivery import milliseconds_until, poster
from benchmarks.rows.search import fill_index
from benchmarks.testbed import Testbed
from common.ids import new_id
from search.backends.elasticsearch.documents import REFRESH_INTERVAL
from search.index import index

TWEETS = 8  # in a round


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    """All processes, otherwise idle."""
    author, reader = testbed.social_graph.readers(2)
    fill_index()
    with ExitStack() as stack:
        address, _ = stack.enter_context(testbed.web(testbed.network))
        stack.enter_context(testbed.relay())
        stack.enter_context(testbed.worker("search"))
        connection = Connection(address)
        stack.callback(connection.close)
        post = poster(connection, token(author))
        headers = bearer(token(reader))

        def wait() -> float:
            word = f"w{new_id()}"
            search = request("GET", f"/search?q={word}", headers=headers)

            def shows(tweet_id: str) -> bool:
                results = connection.ask_for_json(search)["results"]
                return [result["id"] for result in results] == [tweet_id]

            return milliseconds_until(shows, lambda: post(f"The first snow, {word}."))

        yield Comparison(
            # The slowest tweet arrives just after a refresh and waits for a whole interval.
            ours=lambda: max(wait() for _ in range(TWEETS)),
            limit=lambda: float(REFRESH_INTERVAL.removesuffix("ms")),
        )
    index().clear()


ROW = Row(
    name="searchable",
    quantity="tweet → searchable, the slowest of 8",
    limit="the index's refresh interval",
    unit="ms",
    sense=Sense.ADDED,
    gate=200,
    goal=100,
    prepare=prepare,
    rounds=5,
)
