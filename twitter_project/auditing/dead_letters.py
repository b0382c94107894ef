"""Messages that no worker could handle. `repair` returns them to their queues once."""

from collections.abc import Iterator, Sequence

from messaging.broker import broker, dead_queue
from messaging.worker import Worker, workers
from twitter_project.auditing.checks import Check, Checked, Finding


def find() -> Iterator[Checked]:
    for worker in workers().values():
        yield Checked(1, _findings(worker))


def recheck(findings: Sequence[Finding]) -> list[Finding]:
    return [again for worker in _workers_of(findings) for again in _findings(worker)]


def repair(findings: Sequence[Finding]) -> None:
    for worker in _workers_of(findings):
        broker().send_back(worker, broker().depth(dead_queue(worker.queue)))


def _findings(worker: Worker) -> list[Finding]:
    queue = dead_queue(worker.queue)
    depth = broker().depth(queue)
    return [Finding(queue, "holds dead letters:", detail=str(depth))] if depth else []


def _workers_of(findings: Sequence[Finding]) -> list[Worker]:
    queues = {finding.subject for finding in findings}
    return [worker for worker in workers().values() if dead_queue(worker.queue) in queues]


CHECK = Check(
    name="dead letters",
    unit="queues",
    count=lambda: len(workers()),
    find=find,
    recheck=recheck,
    repair=repair,
    waits_for=lambda _: [],
)
