"""Under load and faults, no acknowledged write is lost and none is done twice."""

import random
import re
import sys
import threading
import time
from collections import Counter

import pytest
import redis

from deploy.local.conditions import wait_until
from tests.chaos.conftest import Chaos
from tests.chaos.deployment import START_SECONDS, Deployment, is_ready
from tests.chaos.faults import plan
from tests.chaos.load import Ledger, Person
from tests.chaos.people import SHORT_NODES, in_flight, seed_people
from tests.support.parts import Supervisor

pytestmark = pytest.mark.chaos

PEOPLE = 6  # concurrent writers and readers
# The keys in Redis that feed/README.md lists as kept; all others expire.
KEPT_KEYS = {"pulled", "placement", "revoked"}
# A longer run has the whole graph and longer pauses.
SHORT_SECONDS = 120
QUIET_SECONDS = 30.0


def test_no_acknowledged_write_is_lost_or_doubled(
    deployment: Deployment, chaos: Chaos, capsys: pytest.CaptureFixture[str]
) -> None:
    draw = random.Random(chaos.seed)
    _say(capsys, f"chaos: seed {chaos.seed}, {chaos.seconds:.0f} s")
    is_short = chaos.seconds <= SHORT_SECONDS
    names = seed_people(deployment, draw, SHORT_NODES if is_short else None)

    stop = threading.Event()
    people = [
        Person(number, name, deployment.webs, stop, word="Chaos", seed=chaos.seed)
        for number, name in enumerate(draw.sample(names, PEOPLE))
    ]
    for person in people:
        person.sign_in()
        person.start()
    supervisor = Supervisor(deployment.parts, draw)
    happened: Counter[str] = Counter()
    ends_at = time.monotonic() + chaos.seconds
    for fault in plan(deployment.targets, draw, longest_pause=6.0 if is_short else 20.0):
        time.sleep(draw.uniform(0.5, 3.0))
        if time.monotonic() > ends_at:
            break
        _say(capsys, f"  {chaos.seconds - ends_at + time.monotonic():5.1f} s: {fault}")
        fault.happen()
        happened[fault.kind] += 1
    assert all(person.is_alive() for person in people)
    stop.set()
    for person in people:
        person.join(60)
    wait_until(lambda: all(map(is_ready, deployment.webs)), START_SECONDS)

    quiet_since = time.monotonic()
    wait_until(lambda: not in_flight(deployment), START_SECONDS)
    drained_after = time.monotonic() - quiet_since
    supervisor.stop()
    ledgers = [person.ledger for person in people]
    lost, twice, checked = _compare(deployment, ledgers)
    audit = deployment.manage("audit", "--wait", "5")
    answers = sum((ledger.answers for ledger in ledgers), Counter())
    restarts = sum(part.starts - 1 for part in deployment.parts)
    _say(
        capsys,
        f"chaos: seed {chaos.seed}: {happened.total()} faults, {restarts} restarts, "
        f"{answers.total()} requests {dict(answers.most_common())}, {checked} tweets checked, "
        f"{len(lost)} lost, {len(twice)} twice, drained after {drained_after:.1f} s",
    )
    unexpected = [answer for ledger in ledgers for answer in ledger.unexpected]
    assert lost == []
    assert twice == []
    assert unexpected == []
    # a process survives the failure of its dependencies
    unexpected_exits = [
        words for part in deployment.targets.processes for words in part.unexpected_exits
    ]
    assert not unexpected_exits, "\n\n".join(unexpected_exits)
    differences = f"{audit.stdout}\n{audit.stderr}"
    assert (audit.returncode, audit.stdout.splitlines()[-1]) == (0, "no differences"), differences
    wait_until(lambda: not in_flight(deployment), QUIET_SECONDS)  # redelivered messages, too
    assert drained_after < QUIET_SECONDS
    assert _keys_without_expiry(deployment) <= KEPT_KEYS
    # the load was large enough
    assert checked > 20
    assert answers["200"] > 100
    assert happened.total() >= 5
    compared = dict(re.findall(r"^(\w+): (\d+) ", audit.stdout, re.MULTILINE))
    # nobody here has enough followers to be pulled
    assert {name for name, count in compared.items() if count == "0"} == {"pulling"}, audit.stdout


def _keys_without_expiry(deployment: Deployment) -> set[str]:
    with redis.Redis.from_url(deployment.targets.redis_url, decode_responses=True) as connection:
        return {name for name in connection.scan_iter() if connection.ttl(name) == -1}


def _compare(deployment: Deployment, ledgers: list[Ledger]) -> tuple[list[str], list[str], int]:
    """Lost writes, doubled tweets, and the number of tweets checked."""
    found: dict[str, list[int]] = {}
    for id, content in deployment.query(
        "SELECT id, content FROM tweets_tweet WHERE content LIKE 'Chaos %'"
    ):
        found.setdefault(content, []).append(id)
    lost, checked = [], 0
    for ledger in ledgers:
        for text, id in ledger.posted.items():
            checked += 1
            if id in ledger.deleted:
                if text in found:
                    lost.append(f"the deletion of {id}")
            elif id not in ledger.deletions_tried and found.get(text) != [id]:
                lost.append(f"{text} ({id}): there is {found.get(text)}")
    tried = {text for ledger in ledgers for text in ledger.tried}
    twice = [f"{text}: {ids}" for text, ids in found.items() if len(ids) > 1 or text not in tried]
    return lost, twice, checked


def _say(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
