from messaging.worker_command import WorkerCommand
from tweets.handlers import WORKER


class Command(WorkerCommand):
    help = (
        "Runs tweets' worker until SIGTERM or Ctrl-C: it counts created and deleted tweets in "
        "accounts, and deletes the rows that deleted tweets and accounts left."
    )
    workers = (WORKER,)
