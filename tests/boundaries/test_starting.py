"""Starts from a clone that never ran, as by `make run` on a new machine."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from deploy.local.conditions import wait_until
from tests.support.commands import ROOT, run
from tests.support.serving import EMBEDDED, start

STARTS = 20
AT_ONCE = 4


@pytest.mark.slow
def test_every_start_without_byte_code_delivers_a_tweet(tmp_path: Path) -> None:
    """Slow imports make races between threads that first use an embedded part more likely."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns("__pycache__", ".*", "var", "tests"))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(lambda n: try_start(clone, tmp_path / str(n)), range(STARTS)))

    assert ends == ["ok"] * STARTS
    assert not list(clone.rglob("__pycache__"))


def try_start(clone: Path, folder: Path) -> str:
    """The status at /ready after bob has a tweet of alice in his feed; the log on a timeout."""
    folder.mkdir()
    server = start("serve", folder, cwd=str(clone), PYTHONDONTWRITEBYTECODE="1")
    try:
        server.wait_until_it_answers()
        with httpx.Client(base_url=server.address, timeout=60) as client:
            alice, bob = (sign_in(client, name) for name in ("alice", "bob"))
            written = client.post("/tweet", json={"content": "first"}, headers=alice).json()

            def is_in_feed() -> bool:
                feed = client.get("/feed", headers=bob).json()
                return written["tweet"]["id"] in [tweet["id"] for tweet in feed["tweets"]]

            wait_until(is_in_feed, seconds=60)
            return str(client.get("/ready").json()["status"])
    except TimeoutError:
        return server.process.describe_end()
    finally:
        server.process.terminate()
        server.process.wait()


def sign_in(client: httpx.Client, name: str) -> dict[str, str]:
    body = {"email": f"{name}@example.com", "password": "password"}
    return {"Authorization": f"Bearer {client.post('/users/login', json=body).json()['token']}"}


# Many threads use the embedded Redis first at the same time, and must see each other's keys.
_CONNECT_AT_ONCE = """
import sys, threading
import django
django.setup()
from common.redis.client import redis_client
sys.setswitchinterval(1e-6)
barrier = threading.Barrier(32)
seen = []
def connect(n):
    barrier.wait()
    client = redis_client()
    client.set(f"key-{n}", 1)
    barrier.wait()
    seen.append(client.dbsize())
threads = [threading.Thread(target=connect, args=(n,)) for n in range(32)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(set(seen))
"""

# Counts the embedded parts when the first loop starts.
_COUNT_PARTS = """
import django
from django.conf import settings
django.setup()
from common import embedded_parts
from twitter_project import startup
def count():
    print([embedded_parts.count(name) for name in ("wakeup", "broker", "search")])
startup.count = count
settings.BACKGROUND_THREADS = ["twitter_project.startup.count"]
startup.start()
"""


def test_threads_that_connect_at_once_share_one_embedded_redis() -> None:
    assert run("-c", _CONNECT_AT_ONCE, environment=EMBEDDED).stdout == "{32}\n"


def test_each_embedded_part_exists_once_before_a_loop_starts(tmp_path: Path) -> None:
    environment = {**EMBEDDED, "DATA_DIR": str(tmp_path)}

    assert run("-c", _COUNT_PARTS, environment=environment).stdout == "[1, 1, 1]\n"
