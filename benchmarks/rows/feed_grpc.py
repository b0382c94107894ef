from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.harness import Comparison, Row, Sense
from benchmarks.rows import feed
from benchmarks.testbed import Testbed


@contextmanager
def prepare(testbed: Testbed) -> Iterator[Comparison]:
    with feed.prepare_pages(testbed, limit_path="/one-call", environment=testbed.network) as made:
        yield made


ROW = Row(
    name="feed_grpc",
    quantity="feed page of 20 through gRPC services",
    limit="a plain view with one empty gRPC call",
    unit="pages/s",
    sense=Sense.SHARE,
    gate=0.45,
    goal=0.60,
    prepare=prepare,
    rounds=15,
)
