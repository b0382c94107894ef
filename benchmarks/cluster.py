"""`python -m benchmarks.cluster`: our distribution of timelines compared with Redis Cluster.

Runs the same fan-out to full timelines on Redis servers of its own: with a script per chunk of
timelines on one server and on two, and with a script per timeline on a cluster of three, pipelined
to all nodes. The cluster's script does less: it writes no marker and does not check recent
unfollows, whose keys are on other nodes. All share two cores, so compare the CPU time per delivery.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import django
import redis
from redis.crc import key_slot

from common.redis.client import redis_client

os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"  # noqa: TID251 an entry file
django.setup()

from django.conf import settings  # noqa: E402 settings must be there
from django.test import override_settings  # noqa: E402

from benchmarks import timelines  # noqa: E402
from common.ids import new_ids  # noqa: E402
from common.redis import shards  # noqa: E402
from deploy.local import ports  # noqa: E402
from deploy.local.conditions import wait_until  # noqa: E402
from feed import lists, writes  # noqa: E402

FOLLOWERS = 10_000
TWEETS = 10  # in a round
ROUNDS = 5
NODES = 3
SLOTS = 16_384
WINDOW = 1000  # timelines; two windows are in flight, as in `pipeline.run`

_PUSH_ONE = """
local length = redis.pcall('LPUSHX', KEYS[1], ARGV[1])
if type(length) ~= 'number' or length == 0 then return 0 end
if length > tonumber(ARGV[3]) then redis.call('LTRIM', KEYS[1], 0, tonumber(ARGV[2]) - 1) end
return 1
"""

Fanout = Callable[[int], int]
Comparisons = dict[str, tuple[list[redis.Redis], Callable[[], AbstractContextManager[Fanout]]]]


def main() -> int:
    author_id, *followers = new_ids(FOLLOWERS + 1)
    print(f"{'':22}{'deliveries/s':>14}{'Redis':>10}{'Python':>10}   microseconds a delivery")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        one = [stack.enter_context(server(folder))]
        two = [stack.enter_context(server(folder)) for _ in range(2)]
        nodes = [stack.enter_context(server(folder, cluster=True)) for _ in range(NODES)]
        join(nodes)
        comparisons: Comparisons = {
            "one server": (one, lambda: by_chunks(one, author_id, followers)),
            "two servers": (two, lambda: by_chunks(two, author_id, followers)),
            "a cluster of three": (nodes, lambda: by_timelines(nodes, followers)),
        }
        results: dict[str, list[Sequence[float]]] = {name: [] for name in comparisons}
        for _ in range(ROUNDS + 1):
            for name, (servers, prepare) in comparisons.items():
                with prepare() as fan_out:
                    results[name].append(measure(servers, fan_out))
        for name, rounds in results.items():
            rate, in_redis, in_python = map(statistics.median, zip(*rounds[1:], strict=True))
            print(f"{name:22}{rate:>14,.0f}{in_redis:>10.2f}{in_python:>10.2f}")
    return 0


def measure(servers: Sequence[redis.Redis], fan_out: Fanout) -> Sequence[float]:
    entries = new_ids(TWEETS)
    before, began, cpu = redis_seconds(servers), time.perf_counter(), time.process_time()
    delivered = sum(map(fan_out, entries))
    seconds, in_python = time.perf_counter() - began, time.process_time() - cpu
    in_redis = redis_seconds(servers) - before
    if delivered != TWEETS * FOLLOWERS:
        raise SystemExit(f"{delivered} deliveries instead of {TWEETS * FOLLOWERS}")
    return delivered / seconds, in_redis / delivered * 1e6, in_python / delivered * 1e6


def redis_seconds(servers: Sequence[redis.Redis]) -> float:
    cpu = [client.info("cpu") for client in servers]
    return sum(float(part["used_cpu_user"]) + float(part["used_cpu_sys"]) for part in cpu)


@contextmanager
def by_chunks(
    servers: Sequence[redis.Redis], author_id: int, followers: Sequence[int]
) -> Iterator[Fanout]:
    caches = {f"feed{n}": _cache(client) for n, client in enumerate(servers)}
    with override_settings(CACHES=settings.CACHES | caches, FEED_SHARDS=list(caches)):
        for shard, ids in shards.group(followers).items():
            timelines.fill(redis_client(shard), [lists.key(id) for id in ids])
        yield lambda entry_id: writes.push(entry_id, author_id, followers)


def _cache(client: redis.Redis) -> Mapping[str, Any]:
    port = client.connection_pool.connection_kwargs["port"]
    return settings.CACHES["default"] | {"LOCATION": f"redis://127.0.0.1:{port}/0"}


@contextmanager
def by_timelines(nodes: Sequence[redis.Redis], followers: Sequence[int]) -> Iterator[Fanout]:
    """As a cluster needs it: a call has keys of one slot only, so one timeline."""
    keys = [lists.key(id) for id in followers]
    where = [key_slot(key.encode()) * NODES // SLOTS for key in keys]
    for number, node in enumerate(nodes):
        fill([key for key, at in zip(keys, where, strict=True) if at == number], node)
    sha = {str(node.script_load(_PUSH_ONE)) for node in nodes}.pop()
    connections: list[Any] = [node.connection_pool.get_connection() for node in nodes]
    # packed in advance, in favour of the cluster
    head = f"*7\r\n$7\r\nEVALSHA\r\n$40\r\n{sha}\r\n$1\r\n1\r\n"
    packed = [f"{head}${len(key)}\r\n{key}\r\n".encode() for key in keys]
    windows = [range(start, start + WINDOW) for start in range(0, len(keys), WINDOW)]

    def fan_out(entry_id: int) -> int:
        args = [str(entry_id), str(timelines.SHOWN), str(timelines.TOLERATED)]
        tail = "".join(f"${len(arg)}\r\n{arg}\r\n" for arg in args).encode()
        total, waiting = 0, [0] * NODES

        def receive() -> int:
            answers = [
                int(connection.read_response())
                for connection, count in zip(connections, waiting, strict=True)
                for _ in range(count)
            ]
            return sum(answers)

        for window in windows:
            sending: list[list[bytes]] = [[] for _ in nodes]
            for n in window:
                sending[where[n]] += (packed[n], tail)
            for connection, parts in zip(connections, sending, strict=True):
                connection.send_packed_command([b"".join(parts)])
            total += receive()
            waiting = [len(parts) // 2 for parts in sending]
        return total + receive()

    try:
        yield fan_out
    finally:
        for node, connection in zip(nodes, connections, strict=True):
            node.connection_pool.release(connection)


def fill(keys: Sequence[str], node: redis.Redis) -> None:
    """Like `timelines.fill`, which copies between slots."""
    entries = [str(id) for id in sorted(new_ids(timelines.TOLERATED), reverse=True)]
    for start in range(0, len(keys), 100):
        pipeline = node.pipeline(transaction=False)
        for n, key in enumerate(keys[start : start + 100], start):
            length = timelines.SHOWN + n % (timelines.TOLERATED + 1 - timelines.SHOWN)
            pipeline.delete(key)
            pipeline.rpush(key, *entries[:length])
        pipeline.execute()


@contextmanager
def server(folder: str, *, cluster: bool = False) -> Iterator[redis.Redis]:
    port, bus = ports.find_free(), ports.find_free()
    command = [
        "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder,
        "--save", "", "--appendonly", "no",
    ]  # fmt: skip
    if cluster:
        command += ["--cluster-enabled", "yes", "--cluster-port", str(bus)]
        command += ["--cluster-config-file", f"{port}.conf"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    client = redis.Redis(port=port)
    try:
        wait_until(lambda: answers(client))
        yield client
    finally:
        client.close()
        process.terminate()
        process.wait()


def join(nodes: Sequence[redis.Redis]) -> None:
    ports = []
    for number, node in enumerate(nodes):
        first, stop = (-(-SLOTS * n // NODES) for n in (number, number + 1))
        node.execute_command("CLUSTER", "ADDSLOTSRANGE", first, stop - 1)  # type: ignore[no-untyped-call]
        ports.append([str(node.config_get(name)[name]) for name in ("port", "cluster-port")])
    for port, bus in ports[1:]:
        nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)  # type: ignore[no-untyped-call]
    wait_until(lambda: all(b"cluster_state:ok" in state(node) for node in nodes))


def state(node: redis.Redis) -> bytes:
    answer: Any = node.execute_command("CLUSTER", "INFO")  # type: ignore[no-untyped-call]
    return answer if isinstance(answer, bytes) else repr(answer).encode()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


if __name__ == "__main__":
    sys.exit(main())
