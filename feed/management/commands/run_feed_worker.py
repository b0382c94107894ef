from feed.handlers import SLICES, WORKER
from messaging.worker_command import WorkerCommand


class Command(WorkerCommand):
    help = (
        "Keeps the timelines in Redis up to date with the news in the queue general_tweets, "
        "until SIGTERM or Ctrl-C; the messages in hand are finished first."
    )
    workers = (WORKER, SLICES)
