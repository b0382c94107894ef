"""Timelines on several servers."""

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from rest_framework.test import APIClient

from accounts.models import User
from common.errors import OUTAGES, Unavailable
from common.redis import shards
from common.redis.client import redis_client
from feed import keys, lists, pulling, reads, shard_membership
from feed.differences import compare
from feed.handlers import SLICES, WORKER
from hydration.invalidate import Change, drop
from hydration.read import load
from messaging.worker import Delivery
from tests.support.factories import UserFactory
from tests.support.shards import distributed, flush, id_on, without
from tests.support.timelines import Person, deliver, deliver_all, pending
from twitter_project import doctor
from twitter_project.auditing import cache as cache_audit
from twitter_project.auditing import timelines as timelines_audit

# real commits, because the cache is invalidated after them
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.in_process]

HERE, THERE = "feed0", "feed1"


@pytest.fixture(autouse=True)
def two() -> Iterator[None]:
    flush()
    with distributed(2):
        yield
    flush()


@pytest.fixture
def alice() -> User:
    """Posts. HERE."""
    return UserFactory.create(id=id_on(HERE), username="alice")


@pytest.fixture
def bob() -> User:
    """Follows alice. HERE, too."""
    return UserFactory.create(id=id_on(HERE), username="bob")


@pytest.fixture
def carol() -> User:
    """Follows alice. THERE."""
    return UserFactory.create(id=id_on(THERE), username="carol")


@pytest.fixture
def people(writer: Person, follower: Person, outsider: Person) -> list[Person]:
    """All three, after they have read their feeds."""
    for person in (follower, outsider):
        person.follow(writer)
    deliver_all()
    for person in (writer, follower, outsider):
        person.feed()
    return [writer, follower, outsider]


def raw(shard: str, key: str) -> list[int]:
    return [int(item) for item in redis_client(shard).lrange(key, 0, -1)]


def names(shard: str) -> set[str]:
    return {name.decode() for name in redis_client(shard).scan_iter()}


def test_each_timeline_is_on_its_owners_server_only(people):
    tweet = people[0].post()
    deliver_all()
    for person in people:
        assert person.feed_ids() == [tweet]
        for shard in (HERE, THERE):
            kept = [tweet, 0] if shard == shards.of(person.id) else []
            assert raw(shard, lists.key(person.id)) == kept
    for shard in (HERE, THERE):  # the cached tweet has a copy on each
        assert {f"tweet:{tweet}", f"user:{people[0].id}"} <= names(shard)


def test_a_page_needs_only_the_owners_server(people):
    tweet = people[0].post()
    deliver_all()
    reader = people[2]
    reader.feed()
    with without(HERE):
        part = reads.read_part(reader.id, limit=10)
        assert part is not None
        assert list(part.entries) == [tweet]
        assert reader.feed_ids() == [tweet]


def test_changes_of_tweets_and_users_show_at_once_on_every_server(people):
    writer, follower, _ = people
    kept, deleted = writer.post(), writer.post()
    deliver_all()
    for person in people:
        assert person.feed_ids() == [deleted, kept]
    follower.like(kept)
    writer.delete(deleted)
    writer.client.patch("/users/me", {"display_name": "Alice the Second"})
    for person in people:
        (shown,) = person.feed()["tweets"]
        assert shown["num_likes"] == 1
        assert shown["author"]["display_name"] == "Alice the Second"
        assert shown["liked"] is (person is follower)


def test_an_unfollow_and_a_follow_show_on_every_server(people):
    writer, *readers = people
    tweet = writer.post()
    deliver_all()
    for reader in readers:
        assert reader.feed_ids() == [tweet]
        reader.unfollow(writer)
        deliver_all()
        assert reader.feed_ids() == []
        reader.follow(writer)
        deliver_all()
        assert reader.feed_ids() == [tweet]


def test_a_redelivery_changes_nothing_on_any_server(people):
    tweet = people[0].post()
    messages = pending()
    deliver(messages)
    deliver(messages)
    for person in people:
        assert raw(shards.of(person.id), lists.key(person.id)) == [tweet, 0]


class TestServerDown:
    def test_its_users_get_503_and_the_others_can_read(self, people):
        writer, follower, outsider = people
        tweet = writer.post()
        deliver_all()
        with without(THERE):
            assert follower.feed_ids() == [tweet]
            answer = outsider.client.get("/feed")
            assert answer.status_code == 503
            assert answer["Retry-After"]

    def test_writes_succeed_and_the_workers_invalidate_its_cache_later(self, people):
        writer, follower, outsider = people
        tweet = writer.post()
        deliver_all()
        for person in people:
            person.feed()
        with without(THERE):
            follower.like(tweet)
            writer.client.patch("/users/me", {"display_name": "Alice the Second"})
            (shown,) = follower.feed()["tweets"]
            assert shown["num_likes"] == 1
            with pytest.raises(OUTAGES):  # the worker retries
                drop(Change(entries=[tweet], viewer=follower.id))
        drop(Change(entries=[tweet], viewer=follower.id))
        deliver_all()
        (shown,) = outsider.feed()["tweets"]
        assert shown["num_likes"] == 1
        assert shown["author"]["display_name"] == "Alice the Second"

    def test_the_other_servers_caches_are_invalidated(self, people):
        writer, _, outsider = people
        tweet = writer.post()
        deliver_all()
        outsider.feed()
        with without(HERE):
            outsider.like(tweet)
            (shown,) = outsider.feed()["tweets"]
            assert shown["num_likes"] == 1

    def test_retries_lose_no_entry_and_add_no_duplicate(self, people):
        writer = people[0]
        first = writer.post()
        deliver_all()
        deleted = writer.post()
        deliver_all()
        second = writer.post()
        writer.delete(deleted)
        messages = pending()
        with without(THERE):
            for _ in range(2):
                refuse(messages)
        deliver(messages)
        for person in people:
            assert raw(shards.of(person.id), lists.key(person.id)) == [second, first, 0]

    def test_starting_to_pull_an_author_meanwhile_leaves_no_gap(self, people, settings):
        entries = [people[0].post()]
        deliver_all()
        settings.FEED_PULL_FOLLOWERS = 0
        entries.append(people[0].post())
        messages = pending()
        with without(THERE):
            refuse(messages)
        deliver(messages)
        entries.append(people[0].post())
        deliver_all()
        for person in people:
            assert person.feed_ids() == entries[::-1]
        for shard in (HERE, THERE):
            assert pulling.states(shard, [people[0].id]) == {people[0].id: pulling.PULLED}

    def test_pushing_an_author_again_meanwhile_leaves_no_gap(self, people, settings):
        settings.FEED_PULL_FOLLOWERS = 0
        entries = [people[0].post(), people[0].post()]
        deliver_all()
        settings.FEED_PULL_FOLLOWERS = 100
        entries.append(people[0].post())
        deliver_all()
        messages = pending()  # the end of the pulling
        entries.append(people[0].post())
        with without(THERE):
            refuse(messages)
        while messages:
            deliver(messages)
            messages = pending()
        for person in people:
            assert person.feed_ids() == entries[::-1]
            assert not compare(person.id)
            assert raw(shards.of(person.id), lists.key(person.id)) == [*entries[::-1], 0]
        assert pulling.authors() == []

    def test_readers_rebuild_timelines_on_a_server_that_lost_its_data(self, people, settings):
        settings.FEED_PULL_FOLLOWERS = 0
        entries = [people[0].post()]
        deliver_all()
        redis_client(THERE).flushdb()  # the states of authors are lost with the timelines
        for _ in range(2):
            entries.append(people[0].post())
            deliver_all()
            for person in people:
                assert person.feed_ids() == entries[::-1]

    def test_an_author_who_is_pulled_on_one_server_only_is_pushed_again(self, people, settings):
        settings.FEED_PULL_FOLLOWERS = 0
        people[0].post()
        deliver_all()
        redis_client(THERE).flushdb()
        settings.FEED_PULL_FOLLOWERS = 100
        people[0].post()
        while messages := pending():
            deliver(messages)
        assert pulling.authors() == []


def refuse(messages: list[Delivery]) -> None:
    with pytest.raises(Unavailable):
        deliver(messages)


class TestChangedListOfServers:
    @pytest.fixture(autouse=True)
    def updated(self) -> None:
        shard_membership.remove_stale_keys()

    def grown(self) -> list[Person]:
        """Users of the first two servers; the second and the third user move to a third server."""
        people = []
        for shard, later in ((HERE, HERE), (HERE, "feed2"), (THERE, "feed2")):
            id = id_on(shard)
            while moved_to(id) != later:
                id = id_on(shard)
            people.append(Person(UserFactory.create(id=id)))
        return people

    def test_a_moved_user_never_reads_a_list_that_was_left_behind(self):
        people = self.grown()
        entries = post_and_read(people, [])
        with distributed(3):
            shard_membership.remove_stale_keys()
            entries = post_and_read(people, entries)
        shard_membership.remove_stale_keys()  # back again: a stale list would lack an entry
        entries = post_and_read(people, entries)
        with distributed(3):  # the third server, not listed meanwhile, still has stale lists
            shard_membership.remove_stale_keys()
            post_and_read(people, entries)

    def test_a_user_who_does_not_move_keeps_the_timeline(self):
        stays, moves, _ = people = self.grown()
        post_and_read(people, [])
        with distributed(3):
            shard_membership.remove_stale_keys()
            assert reads.materialised([stays.id, moves.id]) == [stays.id]
            assert lists.key(moves.id) not in names(HERE) | names(THERE)

    def test_without_a_change_no_key_is_removed(self, people):
        people[0].post()
        deliver_all()
        people[2].feed()
        before = [names(shard) for shard in (HERE, THERE)]
        shard_membership.remove_stale_keys()
        redis_client(THERE).delete(keys.PLACEMENT)  # as after a crash
        shard_membership.remove_stale_keys()
        assert [names(shard) for shard in (HERE, THERE)] == before

    def test_an_interrupted_change_is_repeated(self):
        people = self.grown()
        post_and_read(people, [])
        with distributed(3):
            with without(THERE), pytest.raises(redis.ConnectionError):
                shard_membership.remove_stale_keys()
            redis_client(HERE).delete(keys.PLACEMENT)
            shard_membership.remove_stale_keys()
            assert lists.key(people[2].id) not in names(THERE)
            assert len({redis_client(s).get(keys.PLACEMENT) for s in shards.names()}) == 1

    def test_a_worker_removes_stale_keys_before_its_first_message(self, people):
        tweet = people[0].post()
        with distributed(3):
            for worker in (WORKER, SLICES):
                shard_membership.remove_stale_keys_once.cache_clear()
                redis_client("feed2").delete(keys.PLACEMENT)
                with without("feed2"), pytest.raises(Unavailable):
                    worker.process([])
                worker.process([])
                assert redis_client("feed2").exists(keys.PLACEMENT)
            deliver_all()
            assert all(person.feed_ids() == [tweet] for person in people)

    def test_a_shard_is_not_current_until_the_workers_have_applied_it(self):
        with distributed(3):
            assert not shard_membership.is_current(redis_client(HERE))
            shard_membership.remove_stale_keys()
            assert shard_membership.is_current(redis_client(HERE))

    @pytest.mark.real
    def test_doctor_reports_it_until_the_workers_have_applied_it(self):
        with distributed(3):
            before = problems(HERE)
            shard_membership.remove_stale_keys()
            assert len(problems(HERE)) == len(before) - 1


def problems(shard: str) -> list[doctor.Finding]:
    url = settings.CACHES[shard]["LOCATION"]
    return [finding for finding in doctor.check_redis(shard, url) if finding.is_problem]


def moved_to(user_id: int) -> str:
    with distributed(3):
        return shards.of(user_id)


def post_and_read(people: list[Person], entries: list[int]) -> list[int]:
    """The first user posts twice, and each time everyone reads the feed. Returns all entries."""
    writer, *readers = people
    for reader in readers:
        reader.follow(writer)
    for _ in range(2):
        entries = [writer.post(), *entries]
        deliver_all()
        for person in people:
            assert person.feed_ids() == entries
    return entries


def test_audit_and_rebuild_cover_every_server(people):
    tweet = people[0].post()
    deliver_all()
    for person in people:
        person.feed()
    lacking, authored = people[2], lists.key(people[0].id, lists.authored(THERE))
    redis_client(THERE).lrem(lists.key(lacking.id), 0, str(tweet))
    redis_client(THERE).rpush(authored, 0)
    redis_client(THERE).set(f"tweet:{tweet}", "-")
    for check, subjects in (
        (timelines_audit.CHECK, {lists.key(lacking.id), authored}),
        (cache_audit.CHECK, {f"tweet:{tweet}"}),
    ):
        found = [finding for page in check.find() for finding in page.findings]
        assert {finding.subject for finding in found} == subjects
        assert set(check.recheck(found)) == set(found)
        check.repair(found)
        assert not check.recheck(found)
    call_command("rebuild_feed", check=True)
    for person in people:
        assert person.feed_ids() == [tweet]


def test_search_and_tweets_are_shown_from_every_server(people, api: APIClient):
    tweet = people[0].post()
    for person in people:
        loaded = load([tweet], viewer_id=person.id)
        assert [fragment.tweet_id for fragment in loaded] == [tweet]
    assert api.get(f"/tweet/{tweet}").status_code == 200
