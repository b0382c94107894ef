import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from accounts.models import User
from benchmarks.datasets import newest_entries, token
from benchmarks.harness import CheckFailed, Comparison, Row, Sense
from benchmarks.http_load import Connection, Load, bearer, expect_bodies, request
from benchmarks.testbed import LIMIT_SETTINGS, Testbed

PAGE = 20
READERS = 100
_SECONDS = 0.6  # short, because the load of a shared machine varies
_NOTHING = b"{}"


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    with prepare_pages(testbed, limit_path="/nothing", environment={}) as made:
        yield made


@contextmanager
def prepare_pages(
    testbed: Testbed, *, limit_path: str, environment: Mapping[str, str]
) -> Iterator[Comparison]:
    """Feed pages from one process, compared with the limit's view in another such process."""
    readers = testbed.social_graph.readers(READERS)
    with ExitStack() as stack:
        address, process = stack.enter_context(testbed.web(environment, threads=4))
        limit_address, _ = stack.enter_context(
            testbed.web(environment, module=LIMIT_SETTINGS, threads=4)
        )
        load, limit_load = Load(address), Load(limit_address)
        stack.callback(load.close)
        stack.callback(limit_load.close)
        pages = [
            request("GET", f"/feed?limit={PAGE}", headers=bearer(token(user))) for user in readers
        ]
        bodies = read_and_check(address, readers, pages)
        yield Comparison(
            ours=lambda: load.run(pages, _SECONDS, expect_bodies(bodies)),
            limit=lambda: limit_load.run(
                [request("GET", limit_path)], _SECONDS, expect_bodies([_NOTHING])
            ),
            pid=process.pid,
        )
    testbed.empty_redis()


def read_and_check(address: str, readers: Sequence[User], pages: Sequence[bytes]) -> list[bytes]:
    """Each reader's page, checked against the database. All later answers must equal it."""
    connection = Connection(address)
    bodies = []
    for user, page in zip(readers, pages, strict=True):
        connection.ask(page)  # builds the timeline if it is missing
        answer = connection.ask(page)
        shown = [int(tweet["id"]) for tweet in json.loads(answer.body).get("tweets", [])]
        if shown != newest_entries(user.id, PAGE):
            raise CheckFailed(f"the feed of {user} differs from the database")
        bodies.append(answer.body)
    connection.close()
    return bodies


ROW = Row(
    name="feed",
    quantity="feed page of 20 in DRF, signed in, one process",
    limit="a plain view that does nothing, without middleware, same server",
    unit="pages/s",
    sense=Sense.SHARE,
    gate=0.17,
    goal=0.35,
    prepare=prepare,
    rounds=15,
)
