"""Migrations only add, because a rolling restart runs old and new code on the same database.

A migration linter does not work here: it reads SQL, and `make check` has only SQLite, which
rebuilds the table to add a column.
"""

import pytest
from django.db import models
from django.db.migrations import operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

SERVICES = {"accounts", "tweets", "feed", "search", "messaging"}
# Operations that touch no table or column that old code reads or writes. New constraints and unique
# indexes are not among them: old code may violate them.
HARMLESS = (
    operations.CreateModel,
    operations.AddIndex,
    operations.RemoveIndex,
    operations.RenameIndex,
    operations.RemoveConstraint,
    operations.AlterModelManagers,
    operations.AlterModelOptions,
)


def is_harmless(operation: Operation) -> bool:
    if isinstance(operation, operations.AddField):
        # Old code does not fill the column when it inserts.
        field = operation.field
        return bool(field.null or field.has_db_default() or field.many_to_many)
    if isinstance(operation, operations.AlterField):
        # Removing the constraint of a foreign key breaks no old code.
        return not getattr(operation.field, "db_constraint", True)
    if isinstance(operation, operations.SeparateDatabaseAndState):
        return all(map(is_harmless, operation.database_operations))
    return isinstance(operation, HARMLESS)


def test_migrations_after_the_first_only_add() -> None:
    loader = MigrationLoader(None)

    harmful = [
        f"{app}.{name}: {operation.describe()}"
        for (app, name), migration in loader.disk_migrations.items()
        if app in SERVICES and not migration.initial
        for operation in migration.operations
        if not is_harmless(operation)
    ]

    assert harmful == []
    assert {app for app, _ in loader.disk_migrations} >= {"accounts", "tweets", "messaging"}


@pytest.mark.parametrize(
    "operation",
    [
        operations.AddField("tweet", "mood", models.CharField(max_length=9)),
        operations.RemoveField("tweet", "content"),
        operations.RenameField("tweet", "content", "text"),
        operations.AlterField("tweet", "content", models.CharField(max_length=9)),
        operations.AlterField("like", "tweet", models.ForeignKey("tweet", models.CASCADE)),
        operations.DeleteModel("tweet"),
        operations.RenameModel("tweet", "post"),
        operations.AlterModelTable("tweet", "posts"),
        operations.RunSQL("DROP TABLE tweets_tweet"),
        operations.AddConstraint(
            "tweet", models.UniqueConstraint(fields=["content"], name="unique_content")
        ),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_an_operation_that_breaks_old_code_is_harmful(operation: Operation) -> None:
    assert not is_harmless(operation)


@pytest.mark.parametrize(
    "field",
    [
        models.CharField(max_length=9, null=True),
        models.CharField(max_length=9, db_default="none"),
    ],
)
def test_a_column_with_a_default_is_harmless(field: "models.Field[str, str]") -> None:
    assert is_harmless(operations.AddField("tweet", "mood", field))
