"""A kept connection to PostgreSQL is checked only if it may have died."""

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


class Checked(DatabaseWrapper):
    """Counts the health checks that are queries."""

    checks = 0

    def is_usable(self) -> bool:
        self.checks += 1
        return super().is_usable()


@pytest.fixture
def connection(transactional_db: None) -> Iterator[Checked]:
    made = Checked(connections["default"].settings_dict)
    use(made)
    use(made)  # checks the new connection
    made.checks = 0
    yield made
    made.close()


def use(connection: Checked) -> int:
    """Uses the connection like a request. Returns the id of its server process."""
    connection.close_if_unusable_or_obsolete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def pass_time(connection: Checked) -> None:
    connection.checked_at -= IDLE_SECONDS


def end(pid: int, connection: Any) -> None:
    with closing(connect("accounts")) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    wait_until(lambda: not connection.is_silent())


def test_a_recently_used_connection_is_not_checked(connection: Checked) -> None:
    assert len({use(connection) for _ in range(3)}) == 1
    assert connection.checks == 0


def test_an_idle_connection_is_checked_once(connection: Checked) -> None:
    pass_time(connection)
    assert len({use(connection) for _ in range(3)}) == 1
    assert connection.checks == 1


@pytest.mark.parametrize("is_idle", [False, True])
def test_a_dead_connection_is_replaced(connection: Checked, is_idle: bool) -> None:
    pid = use(connection)
    end(pid, connection)
    if is_idle:
        pass_time(connection)
    assert use(connection) != pid


def test_a_connection_with_a_notification_is_checked_and_kept(connection: Checked) -> None:
    pid = use(connection)
    with connection.cursor() as cursor:
        cursor.execute("LISTEN tests")
    with closing(connect("accounts")) as other, other.cursor() as cursor:
        cursor.execute("NOTIFY tests")
    wait_until(lambda: not connection.is_silent())
    assert use(connection) == pid
    assert connection.checks == 1


def test_a_server_that_refuses_writes_is_an_outage_and_its_connection_is_closed(
    connection: Checked,
) -> None:
    pid = use(connection)
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    with pytest.raises(OperationalError, match="read-only"), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE never (id int)")
    assert use(connection) != pid


def test_several_hosts_select_the_one_that_accepts_writes() -> None:
    database = read_database_url("", "postgres://me@one:1,two/db")
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("one,two", "1,", "db")
    assert database["OPTIONS"]["target_session_attrs"] == "read-write"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://me:{PASSWORD}@host/db",
        f"postgres://me:{PASSWORD}@host%zz/db",
        f"postgres://me:{PASSWORD}@host/db?sslmod=require",
        f"postgres://me:{PASSWORD}@/db?host=one,two,three&port=1,2",
    ],
)
def test_an_unreadable_url_is_named_but_not_shown(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^FEED_DATABASE_URL: ") as raised:
        read_database_url("FEED_DATABASE_URL", url)
    assert PASSWORD not in str(raised.value)


def test_the_options_in_the_url_apply() -> None:
    made = DatabaseWrapper(
        connections["default"].settings_dict
        | {"OPTIONS": read_database_url("", f"{settings.DATABASE_URL}?sslmode=require")["OPTIONS"]}
    )
    with pytest.raises(OperationalError, match="server does not support SSL"):
        made.ensure_connection()
