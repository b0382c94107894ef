"""The audit under load: events in flight are no differences."""

import random
import threading

import pytest

from deploy.local.conditions import wait_until
from tests.chaos.deployment import Deployment
from tests.chaos.load import Person
from tests.chaos.people import SHORT_NODES, seed_people

pytestmark = pytest.mark.chaos

PEOPLE = 4
TWEETS = 10


def test_the_audit_finds_no_difference_under_load(deployment: Deployment) -> None:
    names = seed_people(deployment, random.Random(1), SHORT_NODES)
    stop = threading.Event()
    people = [
        Person(number, name, deployment.webs, stop, word="Audit", seed=2)
        for number, name in enumerate(names[:PEOPLE])
    ]
    for person in people:
        person.sign_in()
        person.start()

    def posted() -> int:
        return sum(len(person.ledger.posted) for person in people)

    try:
        wait_until(lambda: posted() >= TWEETS, 60)
        before = posted()
        audit = deployment.manage("audit")
        after = posted()
    finally:
        stop.set()
        for person in people:
            person.join(60)

    assert (audit.returncode, audit.stdout.splitlines()[-1]) == (0, "no differences"), audit
    assert after >= before + TWEETS  # so events were in flight
