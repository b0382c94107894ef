from messaging.worker import Handler, Worker

HANDLERS: dict[str, Handler] = {}

WORKER = Worker(queue="search_tweets", handlers=HANDLERS)
