from messaging.worker import Handler, Worker

HANDLERS: dict[str, Handler] = {}

WORKER = Worker(queue="general_tweets", handlers=HANDLERS)
