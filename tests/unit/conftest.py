import pytest


@pytest.fixture(autouse=True)
def _fresh_redis(empty_redis: None) -> None:
    """Each unit test begins with an empty Redis. The live tests' data is their own."""
