"""The audit while everybody writes: what is only on its way is no difference."""

import random
import threading

import pytest

from deploy.local.conditions import wait_until
from tests.chaos.conftest import World
from tests.chaos.load import Person
from tests.chaos.people import SHORT_NODES, seed_people

pytestmark = pytest.mark.chaos

PEOPLE = 4
TWEETS = 10


def test_it_finds_nothing_while_everybody_writes(world: World) -> None:
    names = seed_people(world, random.Random(1), SHORT_NODES)
    stop = threading.Event()
    people = [
        Person(number, name, world.webs, stop, word="Audit", seed=2)
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
        audit = world.manage("audit")
        after = posted()
    finally:
        stop.set()
        for person in people:
            person.join(60)

    assert (audit.returncode, audit.stdout.splitlines()[-1]) == (0, "nothing differs"), audit
    assert after >= before + TWEETS  # so there was something on its way
