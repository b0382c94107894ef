"""A kept connection to PostgreSQL is used again without a question, unless it may have died."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections

from common.postgresql.base import IDLE_SECONDS, DatabaseWrapper
from deploy.local.conditions import wait_until
from deploy.local.readiness import connect
from tests.support.factories import PASSWORD
from twitter_project.settings.databases import read_database_url

pytestmark = [pytest.mark.real, pytest.mark.django_db(transaction=True)]


class Asked(DatabaseWrapper):
    """Counts the health checks that are queries."""

    times = 0

    def is_usable(self) -> bool:
        self.times += 1
        return super().is_usable()


@pytest.fixture
def connection(transactional_db: None) -> Iterator[Asked]:
    made = Asked(connections["default"].settings_dict)
    use(made)
    use(made)  # a new one is asked, too
    made.times = 0
    yield made
    made.close()


def use(connection: Asked) -> int:
    """As a request does; by which process of the server."""
    connection.close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def pass_time(connection: Asked) -> None:
    connection._checked_at -= IDLE_SECONDS


def end(pid: int, connection: Any) -> None:
    with closing(connect("accounts")) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    wait_until(lambda: not connection._is_silent())


def test_it_is_not_asked_when_it_was_used_a_moment_ago(connection: Asked) -> None:
    assert len({use(connection) for _ in range(3)}) == 1
    assert connection.times == 0


def test_it_is_asked_once_after_a_while_without_use(connection: Asked) -> None:
    pass_time(connection)
    assert len({use(connection) for _ in range(3)}) == 1
    assert connection.times == 1


@pytest.mark.parametrize("is_idle", [False, True])
def test_one_that_died_is_made_anew(connection: Asked, is_idle: bool) -> None:
    pid = use(connection)
    end(pid, connection)
    if is_idle:
        pass_time(connection)
    assert use(connection) != pid


def test_one_that_was_told_something_is_asked_and_kept(connection: Asked) -> None:
    pid = use(connection)
    with connection.cursor() as cursor:
        cursor.execute("LISTEN tests")
    with closing(connect("accounts")) as other, other.cursor() as cursor:
        cursor.execute("NOTIFY tests")
    wait_until(lambda: not connection._is_silent())
    assert use(connection) == pid
    assert connection.times == 1


def test_one_to_a_server_that_takes_no_writes_is_an_outage_and_given_up(connection: Asked) -> None:
    pid = use(connection)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    with pytest.raises(OperationalError, match="read-only"), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE never (id int)")
    assert use(connection) != pid


def test_of_several_hosts_the_one_that_takes_writes_is_asked_for() -> None:
    place = read_database_url("", "postgres://me@one:1,two/db")
    assert (place["HOST"], place["PORT"], place["NAME"]) == ("one,two", "1,", "db")
    assert place["OPTIONS"]["target_session_attrs"] == "read-write"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://me:{PASSWORD}@host/db",
        f"postgres://me:{PASSWORD}@host%zz/db",
        f"postgres://me:{PASSWORD}@host/db?sslmod=require",
        f"postgres://me:{PASSWORD}@/db?host=one,two,three&port=1,2",
    ],
)
def test_a_url_that_can_not_be_read_is_named_and_not_shown(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^FEED_DATABASE_URL: ") as raised:
        read_database_url("FEED_DATABASE_URL", url)
    assert PASSWORD not in str(raised.value)


def test_what_the_url_asks_for_beyond_the_place_counts() -> None:
    made = DatabaseWrapper(
        connections["default"].settings_dict
        | {"OPTIONS": read_database_url("", f"{settings.DATABASE_URL}?sslmode=require")["OPTIONS"]}
    )
    with pytest.raises(OperationalError, match="server does not support SSL"):
        made.ensure_connection()
