"""While processes are restarted one by one, old code and new share a database: migrations only add.

A migration linter was tried: it reads the SQL of a database, and `make check` has none but SQLite,
where adding a column makes the table anew and looks like everything at once.
"""

import pytest
from django.db import models
from django.db.migrations import operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

SERVICES = {"accounts", "tweets", "feed", "search", "messaging"}
# What touches neither a table nor a column that old code writes or reads. A constraint or a unique
# index does: old code may write what it forbids.
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
        # Old code does not know the column when it inserts.
        field = operation.field
        return bool(field.null or field.has_db_default() or field.many_to_many)
    if isinstance(operation, operations.AlterField):
        # Without its constraint a foreign key only allows more.
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
def test_what_old_code_would_stumble_over_is_found(operation: Operation) -> None:
    assert not is_harmless(operation)


@pytest.mark.parametrize(
    "field",
    [
        models.CharField(max_length=9, null=True),
        models.CharField(max_length=9, db_default="none"),
    ],
)
def test_a_column_that_old_code_need_not_fill_is_harmless(field: "models.Field[str, str]") -> None:
    assert is_harmless(operations.AddField("tweet", "mood", field))
