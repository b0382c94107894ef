import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.conditions import wait_until
from deploy.local.errors import DeployError
from deploy.stack.supervision import Supervisor
from deploy.stack.topology import PGBOUNCER, Program

pytestmark = pytest.mark.slow

_NAMES = (PGBOUNCER, "web_1", "web_2")

# Ends half a second after SIGTERM and then writes its name.
_PROGRAM = """
import os, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("started with", os.environ["SECRET"], flush=True)
signal.sigwait({signal.SIGTERM})
time.sleep(0.5)
with open(sys.argv[1], "a") as ends:
    ends.write(sys.argv[2] + "\\n")
"""


@pytest.fixture
def ends(tmp_path: Path) -> Path:
    return tmp_path / "ends"


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    return Supervisor(tmp_path)


@pytest.fixture
def supervisord(supervisor: Supervisor, ends: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """With three programs that have started."""
    programs = [Program(name, [sys.executable, "-c", _PROGRAM, str(ends), name]) for name in _NAMES]
    process = supervisor.start(programs, {name: {"SECRET": f"of {name}"} for name in _NAMES})
    try:
        wait_until(lambda: all(has_started(supervisor, name) for name in _NAMES), 30)
        yield process
    finally:
        process.terminate()
        process.wait()


def has_started(supervisor: Supervisor, name: str) -> bool:
    log = supervisor.logs / f"{name}.log"
    return log.exists() and "started" in log.read_text()


@pytest.mark.usefixtures("supervisord")
def test_a_program_runs_in_its_own_environment(supervisor: Supervisor) -> None:
    assert (supervisor.logs / "web_1.log").read_text() == "started with of web_1\n"


@pytest.mark.usefixtures("supervisord")
def test_a_killed_program_is_restarted(supervisor: Supervisor) -> None:
    before = supervisor.pids()

    os.kill(before["web_1"], signal.SIGKILL)

    wait_until(lambda: supervisor.pids().get("web_1", before["web_1"]) != before["web_1"], 30)
    assert supervisor.pids()["web_2"] == before["web_2"]


@pytest.mark.usefixtures("supervisord")
def test_a_program_is_stopped_and_started_by_name(supervisor: Supervisor, ends: Path) -> None:
    before = supervisor.pids()

    supervisor.stop_program("web_1")

    assert ends.read_text() == "web_1\n"
    assert set(supervisor.pids()) == {PGBOUNCER, "web_2"}
    supervisor.start_program("web_1")
    wait_until(lambda: "web_1" in supervisor.pids(), 30)
    assert supervisor.pids()["web_1"] != before["web_1"]


def test_pgbouncer_ends_after_all_others(
    supervisord: "subprocess.Popen[bytes]", ends: Path
) -> None:
    supervisord.terminate()

    assert supervisord.wait(30) == 0
    names = ends.read_text().split()
    assert sorted(names[:2]) == ["web_1", "web_2"]
    assert names[2:] == [PGBOUNCER]


def test_a_supervisord_that_fails_is_an_error(supervisor: Supervisor) -> None:
    (supervisor.logs / "supervisord.log").mkdir(parents=True)  # where it opens a file
    programs = [Program(name, ["sleep", "60"]) for name in _NAMES]

    with pytest.raises(DeployError, match="supervisord ended with exit code 1"):
        supervisor.wait(supervisor.start(programs, {name: {} for name in _NAMES}))
