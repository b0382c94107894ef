from collections.abc import Iterator

import pytest

from tests.support.serving import Server, start


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of `make run`, once it has printed how to try it."""
    server = start("serve", tmp_path_factory.mktemp("served"))
    try:
        server.process.wait_until(lambda: server.process.find_in_log(r"(curl .+)\n"))
        yield server
    finally:
        server.process.terminate()
        assert server.process.wait() == 0
