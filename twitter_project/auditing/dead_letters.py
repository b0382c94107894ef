"""Messages that no worker could handle. They are sent back once; poison returns."""

from collections.abc import Iterator, Sequence

from messaging.broker import broker, dead_queue
from messaging.worker import Worker, workers
from twitter_project.auditing.findings import Check, Finding, Looked


def find() -> Iterator[Looked]:
    for worker in workers().values():
        yield Looked(1, _look(worker))


def look_again(findings: Sequence[Finding]) -> list[Finding]:
    return [again for worker in _named(findings) for again in _look(worker)]


def mend(findings: Sequence[Finding]) -> None:
    for worker in _named(findings):
        broker().send_back(worker, broker().depth(dead_queue(worker.queue)))


def _look(worker: Worker) -> list[Finding]:
    queue = dead_queue(worker.queue)
    depth = broker().depth(queue)
    return [Finding(queue, "holds dead letters:", told=str(depth))] if depth else []


def _named(findings: Sequence[Finding]) -> list[Worker]:
    names = {finding.subject for finding in findings}
    return [worker for worker in workers().values() if dead_queue(worker.queue) in names]


CHECK = Check(
    name="dead letters",
    unit="queues",
    count=lambda: len(workers()),
    find=find,
    look_again=look_again,
    mend=mend,
    follows_news=False,
)
