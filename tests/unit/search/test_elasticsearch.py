"""Foreign documents, foreign indexes, and failures of Elasticsearch."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.dsl import connections

from common.errors import Unavailable
from search.backends.elasticsearch import ElasticsearchIndex, documents
from search.backends.elasticsearch.client import BUILDING
from search.backends.elasticsearch.hits import SHOWN, find_hits, retry_until_started
from search.index import Found, Position, index, this_hour
from search.query import parse
from tests.support.search import Write, document, find, found_ids

pytestmark = pytest.mark.real


# The node on which a shard must start.
NODE = "index.routing.allocation.require._name"


@pytest.fixture
def elasticsearch(empty_index: None) -> Elasticsearch:
    client: Elasticsearch = connections.get_connection()
    return client


@pytest.fixture
def put(elasticsearch: Elasticsearch) -> Callable[..., None]:
    """Writes a foreign document."""

    def put(key: str, body: Any) -> None:
        elasticsearch.index(index="tweets", id=key, document=body, refresh=True)

    return put


def test_an_index_that_another_program_creates_has_our_mappings(
    elasticsearch: Elasticsearch,
) -> None:
    elasticsearch.indices.create(index="tweets")

    mapping = elasticsearch.indices.get_mapping(index="tweets")["tweets"]["mappings"]

    assert mapping["dynamic"] == "false"
    assert {name: field["type"] for name, field in mapping["properties"].items()} == {
        "id": "keyword",
        "user_id": "keyword",
        "content": "text",
        "words": "text",
        "created_at": "date",
        "hashtags": "keyword",
        "hidden": "boolean",
        "deleted_at": "date",
    }


def test_a_write_creates_an_index_that_was_deleted(
    elasticsearch: Elasticsearch, write: Write
) -> None:
    write(document(1))
    elasticsearch.indices.delete(index="tweets")
    assert found_ids("hello") == []

    entry = document(2)
    write(entry)

    assert found_ids("hello") == [entry.id]
    assert list(elasticsearch.indices.get(index="tweets")) == ["tweets"]


def test_a_search_waits_until_a_new_index_has_a_started_shard(
    elasticsearch: Elasticsearch,
) -> None:
    searches = 0

    def search() -> Found:
        nonlocal searches
        searches += 1
        if searches == 2:
            elasticsearch.indices.put_settings(index="tweets", settings={NODE: None})
            elasticsearch.cluster.health(index="tweets", wait_for_status="yellow")
        return find_hits(elasticsearch, parse("hello"), Position(hour=this_hour()), 1)

    create_without_shards(elasticsearch)

    found = retry_until_started(search)

    assert (searches, found.hits) == (2, [])


def test_an_index_without_a_started_shard_is_an_outage(elasticsearch: Elasticsearch) -> None:
    create_without_shards(elasticsearch)

    with pytest.raises(Unavailable):
        found_ids("hello")


def create_without_shards(elasticsearch: Elasticsearch) -> None:
    elasticsearch.indices.create(
        index="tweets", settings={NODE: "no such node"}, wait_for_active_shards=0
    )


def test_an_index_with_other_mappings_is_searched(
    elasticsearch: Elasticsearch, write: Write
) -> None:
    fields = {"content": {"type": "text"}, "likes": {"type": "integer"}}
    elasticsearch.indices.create(index="tweets", mappings={"properties": fields})
    entry = document(1)
    write(entry)

    assert found_ids("hello") == [entry.id]


@pytest.mark.parametrize(
    "body",
    [
        {"content": "hello"},
        {"id": 5, "user_id": 6, "content": "hello", "created_at": 7},
        {"id": "tweet-3", "content": ["hello", "there"], "created_at": "yesterday"},
        {"content": "hello", "created_at": None, "hashtags": None, "likes": {"a": [1, 2]}},
        {"content": "hello", "id": "9" * 400, "user_id": True},
    ],
)
def test_foreign_documents_of_any_shape_are_found(put: Callable[..., None], body: Any) -> None:
    put("a-key", body)

    found = find("hello")

    shown = {name: value for name, value in body.items() if name in SHOWN}
    assert [(hit.key, hit.source) for hit in found.hits] == [("a-key", shown)]


def test_a_foreign_document_is_found_by_its_hashtag(put: Callable[..., None]) -> None:
    put("1", {"content": "a #Café of another program"})

    found = find("#cafe")

    assert [hit.key for hit in found.hits] == ["1"]


def test_a_hashtag_does_not_find_a_tweet_that_has_it_as_a_word(write: Write) -> None:
    write(document(1, "no tag, just a cafe"))

    assert found_ids("#cafe") == []


def test_pages_by_cursor_include_documents_of_any_shape(put: Callable[..., None]) -> None:
    for number in range(7):
        put(f"key-{number}", {"content": "hello"} | ({"id": str(number)} if number % 2 else {}))

    seen: list[str] = []
    position: Position | None = Position(hour=this_hour())
    while position:
        found = index().search(parse("hello"), position=position, limit=2)
        seen += [hit.key for hit in found.hits]
        position = found.next

    assert sorted(seen) == [f"key-{number}" for number in range(7)]


@pytest.fixture
def earlier_index(elasticsearch: Elasticsearch) -> Iterator[None]:
    """An index that was made before documents had `words`."""
    template = documents.template()
    del template["template"]["mappings"]["properties"]["words"]
    elasticsearch.indices.put_index_template(name="tweets", **template)
    elasticsearch.indices.create(index="tweets")
    yield
    index().prepare()


@pytest.mark.usefixtures("earlier_index")
def test_an_index_of_an_earlier_version_is_searched_until_it_is_rebuilt(
    elasticsearch: Elasticsearch, write: Write
) -> None:
    old, new = document(1, "Trains to #Paris, sun's out"), document(2, "Trains to #Paris, my sun")
    source = documents.to_source(old)[1]
    del source["words"]
    elasticsearch.index(
        index="tweets", id=str(old.id), document=source, version=1, version_type="external"
    )
    write(new)
    expected = {"train": {old.id, new.id}, "#paris": {old.id, new.id}, "sun": {new.id}}

    assert {query: set(found_ids(query)) for query in expected} == expected

    building = index().rebuild()
    building.load([old, new])
    building.finish()

    assert set(found_ids("sun")) == {old.id, new.id}


def test_a_document_that_the_index_refuses_is_no_outage(elasticsearch: Elasticsearch) -> None:
    elasticsearch.indices.create(
        index="tweets", mappings={"properties": {"content": {"type": "date"}}},
        settings={"index.mapping.ignore_malformed": False},
    )  # fmt: skip

    with pytest.raises(ValueError, match="document_parsing_exception"):
        index().write([document(1)])


def test_an_index_that_takes_no_writes_is_an_outage(
    elasticsearch: Elasticsearch, write: Write
) -> None:
    write(document(1))
    elasticsearch.indices.put_settings(index="tweets", settings={"index.blocks.write": True})

    with pytest.raises(Unavailable):
        index().write([document(2)])


def test_a_write_is_repeated_if_a_rebuild_ends_meanwhile(
    elasticsearch: Elasticsearch, write: Write
) -> None:
    """The alias `BUILDING` is gone between the look-up of the targets and the write."""
    write(document(1))
    entry = document(2)

    class Interrupted(ElasticsearchIndex):
        """Sees at first the targets of a rebuild that has ended."""

        lookups = 0

        def targets(self) -> list[str]:
            self.lookups += 1
            return ["tweets", BUILDING] if self.lookups == 1 else super().targets()

    interrupted = Interrupted()
    interrupted.write([entry])
    write()

    assert interrupted.lookups == 2
    assert entry.id in found_ids("hello")
    assert not elasticsearch.indices.exists(index=BUILDING)


def test_a_server_that_is_down_is_an_outage() -> None:
    connections.create_connection("closed", hosts="http://127.0.0.1:1", max_retries=0)
    down = ElasticsearchIndex("closed")

    for ask in (
        lambda: down.search(parse("hello"), position=Position(hour=this_hour()), limit=1),
        lambda: down.write([document(1)]),
        lambda: down.find_by_author(1, limit=1),
        down.prepare,
        down.rebuild,
        down.clear,
    ):
        with pytest.raises(Unavailable):
            ask()
