"""Whether a command failed because the databases lack migrations."""

from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error

REMEDY = "the database lacks migrations: run manage.py migrate_databases"


def is_unmigrated() -> bool:
    """False if a database doesn't answer."""
    try:
        for using in connections:
            executor = MigrationExecutor(connections[using])
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                return True
    except Error:
        pass
    return False
