from feed.handlers import WORKER
from messaging.commands import WorkerCommand


class Command(WorkerCommand):
    help = (
        "Keeps the timelines in Redis up to date with the news in the queue general_tweets, "
        "until SIGTERM or Ctrl-C; the messages in hand are finished first."
    )
    worker = WORKER
