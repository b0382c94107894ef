from feed.handlers import SLICES, WORKER
from messaging.worker_command import WorkerCommand


class Command(WorkerCommand):
    help = (
        "Updates the timelines in Redis by the events in queues general_tweets and feed_slices. "
        "SIGTERM or Ctrl-C stops it after the messages in progress."
    )
    workers = (WORKER, SLICES)
