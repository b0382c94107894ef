"""Inserts several rows by one statement, without a separate transaction.

On PostgreSQL, one `WITH` of inserts takes one round trip, where `BEGIN`, each insert and `COMMIT`
take one each, and it holds its locks for less time. SQLite has no such statement and no round
trips, so its inserts run one by one in a transaction.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from common.db import alias, atomic


@dataclass(frozen=True, slots=True, kw_only=True)
class Increment:
    """Adds one to a row's counter."""

    model: type[Model]
    id: int
    counter: str  # its column
    # A column that may only rise, and its new value. If the row has this value or a greater one, it
    # counts as missing.
    raised: tuple[str, int] | None = None


class _Statement(NamedTuple):
    sql: str
    values: list[Any]


def insert_together(service: str, *rows: Model, counted: Increment | None = None) -> bool:
    """Inserts all rows, or none if the row of `counted` is missing. Returns whether it did.

    It locks the counted row, then inserts the first row, then the others. Like `bulk_create`, it
    sends no signals and doesn't set ids that the database generates.
    """
    connection = connections[alias(service)]
    inserts = [_insert(row, connection) for row in rows]
    increment = _increment(counted, connection) if counted else None
    if connection.vendor != "postgresql":
        with atomic(service):
            return _run_in_turn(inserts, increment, connection)
    # Inside a transaction, a savepoint keeps the transaction usable after an error.
    with atomic(service) if connection.in_atomic_block else nullcontext():
        return _run_as_one(inserts, increment, connection)


def _run_as_one(
    inserts: Sequence[_Statement], increment: _Statement | None, connection: BaseDatabaseWrapper
) -> bool:
    """PostgreSQL runs the main statement, the first row, before the unread parts of the `WITH`."""
    parts = {"counted": increment} if increment else {}
    condition = " WHERE EXISTS (SELECT FROM counted)" if increment else ""
    first, *others = (insert._replace(sql=insert.sql + condition) for insert in inserts)
    parts |= {f"row_{number}": insert for number, insert in enumerate(others)}
    named = ", ".join(f"{name} AS ({part.sql})" for name, part in parts.items())
    values = [value for part in (*parts.values(), first) for value in part.values]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {named} {first.sql}" if named else first.sql, values)
        return bool(cursor.rowcount)


def _run_in_turn(
    inserts: Sequence[_Statement], increment: _Statement | None, connection: BaseDatabaseWrapper
) -> bool:
    with connection.cursor() as cursor:
        if increment:
            cursor.execute(*increment)
            if cursor.fetchone() is None:
                return False
        for insert in inserts:
            cursor.execute(*insert)
    return True


def _insert(row: Model, connection: BaseDatabaseWrapper) -> _Statement:
    """Uses `SELECT` instead of `VALUES`, so that the statement can have a condition."""
    table = _quoted(row._meta.db_table, connection)
    fields = [f for f in row._meta.concrete_fields if not (f.primary_key and row.pk is None)]
    columns = ", ".join(_quoted(field.column, connection) for field in fields)
    placeholders = ", ".join(["%s"] * len(fields))
    return _Statement(
        f"INSERT INTO {table} ({columns}) SELECT {placeholders}",
        [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields],
    )


def _increment(counted: Increment, connection: BaseDatabaseWrapper) -> _Statement:
    meta = counted.model._meta
    table = _quoted(meta.db_table, connection)
    id_column = _quoted(meta.pk.column, connection)
    counter = _quoted(counted.counter, connection)
    changes, conditions = f"{counter} = {counter} + 1", f"{id_column} = %s"
    if counted.raised is None:
        values = [counted.id]
    else:
        raised, value = _quoted(counted.raised[0], connection), counted.raised[1]
        changes += f", {raised} = %s"
        conditions += f" AND ({raised} IS NULL OR {raised} < %s)"
        values = [value, counted.id, value]
    return _Statement(
        f"UPDATE {table} SET {changes} WHERE {conditions} RETURNING 1",  # noqa: S608 our names
        values,
    )


def _quoted(name: str | None, connection: BaseDatabaseWrapper) -> str:
    return str(connection.ops.quote_name(str(name)))
