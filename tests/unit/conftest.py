import pytest


@pytest.fixture(autouse=True)
def _fresh_redis(empty_redis: None) -> None:
    """Empties Redis before each unit test."""
