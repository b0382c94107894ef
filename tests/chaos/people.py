"""Who is there before the load begins."""

import random
from collections import Counter
from pathlib import Path

import httpx
import psycopg2
from django.conf import settings

from deploy.local.conditions import wait_until
from tests.chaos.conftest import START_SECONDS, World

GRAPH = Path(settings.BASE_DIR).parent / "shared/data/socfb-Reed98/socfb-Reed98.edges"
SHORT_NODES = 60


def seed_people(world: World, draw: random.Random, nodes: int | None) -> list[str]:
    """The graph's people, or as many of them as named, and all that they follow among them."""
    if GRAPH.exists():
        edges = [tuple(line.split()[:2]) for line in GRAPH.read_text().splitlines() if line]
        edges = [edge for edge in edges if edge[0].isalnum()]
    else:
        edges = [(str(a), str(b)) for a in range(200) for b in draw.sample(range(200), 10)]
    names = sorted({name for edge in edges for name in edge})
    if nodes is not None:
        # those who know many, so that the part is as dense as the whole
        degrees = Counter(name for edge in edges for name in edge)
        names = sorted(names, key=lambda name: (-degrees[name], name))[:nodes]
    known = set(names)
    kept = [f"{a} {b}" for a, b in edges if a in known and b in known]
    file = world.folder / "graph"
    file.write_text("\n".join(kept))
    seeded = world.manage("seed_demo", "--graph", str(file))
    assert seeded.returncode == 0, seeded.stderr
    # the whole graph is some 40,000 events
    wait_until(lambda: not on_the_way(world), START_SECONDS if nodes else 4 * START_SECONDS)
    return [f"node-{name}" for name in names]


def on_the_way(world: World) -> dict[str, int]:
    """What is still on its way, by where."""
    try:
        waiting = {name: depth for name, depth in world.depths().items() if depth}
        [(pending,)] = world.query(
            "SELECT count(*) FROM messaging_outboxevent WHERE published_at IS NULL"
        )
    except (httpx.HTTPError, psycopg2.Error):
        return {"servers": 1}
    return waiting | ({"outbox": int(pending)} if pending else {})
