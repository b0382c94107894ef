from messaging.worker_command import WorkerCommand
from tweets.handlers import WORKER


class Command(WorkerCommand):
    help = (
        "Has accounts count the tweets that are created and deleted, and cleans up after deleted "
        "tweets and accounts, until SIGTERM or Ctrl-C."
    )
    workers = (WORKER,)
