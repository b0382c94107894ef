"""The accounts and follows that exist before the load begins."""

import random
from collections import Counter
from pathlib import Path

import httpx
import psycopg2
from django.conf import settings

from deploy.local.conditions import wait_until
from tests.chaos.deployment import START_SECONDS, Deployment

GRAPH = Path(settings.BASE_DIR).parent / "shared/data/socfb-Reed98/socfb-Reed98.edges"
SHORT_NODES = 60


def seed_people(deployment: Deployment, draw: random.Random, nodes: int | None) -> list[str]:
    """The graph's `nodes` best connected people (all if None) and the follows among them."""
    if GRAPH.exists():
        edges = [tuple(line.split()[:2]) for line in GRAPH.read_text().splitlines() if line]
        edges = [edge for edge in edges if edge[0].isalnum()]
    else:
        edges = [(str(a), str(b)) for a in range(200) for b in draw.sample(range(200), 10)]
    names = sorted({name for edge in edges for name in edge})
    if nodes is not None:
        # the best connected, so that the part is as dense as the whole
        degrees = Counter(name for edge in edges for name in edge)
        names = sorted(names, key=lambda name: (-degrees[name], name))[:nodes]
    known = set(names)
    kept = [f"{a} {b}" for a, b in edges if a in known and b in known]
    file = deployment.folder / "graph"
    file.write_text("\n".join(kept))
    seeded = deployment.manage("seed_demo", "--graph", str(file))
    assert seeded.returncode == 0, seeded.stderr
    # the whole graph is some 40,000 events
    wait_until(lambda: not in_flight(deployment), START_SECONDS if nodes else 4 * START_SECONDS)
    return [f"node-{name}" for name in names]


def in_flight(deployment: Deployment) -> dict[str, int]:
    """Unhandled messages and events, by queue."""
    try:
        waiting = {name: depth for name, depth in deployment.depths().items() if depth}
        [(pending,)] = deployment.query(
            "SELECT count(*) FROM messaging_outboxevent WHERE published_at IS NULL"
        )
    except (httpx.HTTPError, psycopg2.Error):
        return {"servers": 1}
    return waiting | ({"outbox": int(pending)} if pending else {})
