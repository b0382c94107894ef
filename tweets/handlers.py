from messaging.worker import Handler, Worker

HANDLERS: dict[str, Handler] = {}

WORKER = Worker(queue="tweet_counters", handlers=HANDLERS)
