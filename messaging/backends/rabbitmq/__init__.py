"""RabbitMQ: a durable topic exchange, quorum queues, publisher confirms, dead letters."""
