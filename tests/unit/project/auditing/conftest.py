from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from messaging import draining
from search.index import index
from tests.support.audit import Audit, Scenario, differences
from tests.support.timelines import Person


@pytest.fixture(autouse=True)
def _no_messages_in_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs beside the audit, so it does not wait for one."""
    monkeypatch.setattr(draining, "HANDLING_SECONDS", 0.0)


@pytest.fixture(scope="package", autouse=True)
def _clear_index() -> Iterator[None]:
    yield
    index().clear()


@pytest.fixture
def scenario(alice: User, bob: User, carol: User, drain: Callable[[], None]) -> Scenario:
    index().clear()
    return Scenario(Person(alice), Person(bob), Person(carol), drain)


@pytest.fixture
def audit(capsys: pytest.CaptureFixture[str]) -> Audit:
    def audit(**options: Any) -> list[str]:
        capsys.readouterr()
        with pytest.raises(CommandError, match="differences: run again with --repair") as raised:
            call_command("audit", wait=0, **options)
        assert raised.value.returncode == 1
        found = differences(capsys)
        call_command("audit", wait=0, repair=True, **options)
        assert differences(capsys) == found
        return found

    return audit
