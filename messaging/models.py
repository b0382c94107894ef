from typing import ClassVar

from django.db import models
from django.db.models import Q


class OutboxEventQuerySet(models.QuerySet["OutboxEvent"]):
    def pending(self) -> "OutboxEventQuerySet":
        """The events that the broker has not confirmed, oldest first."""
        return self.filter(published_at=None).order_by("id")


class OutboxEvent(models.Model):
    """An event that a service's transaction wrote and the relay publishes."""

    # from common.ids; becomes the message's id
    id = models.BigIntegerField(primary_key=True)
    # the event's type, see messaging.events
    routing_key = models.CharField(max_length=64)
    # the message body: one JSON object
    body = models.TextField()
    # when the service published it
    created_at = models.DateTimeField()
    # when the broker confirmed it; null until then
    published_at = models.DateTimeField(null=True, blank=True)
    # the trace of the change
    traceparent = models.CharField(max_length=55, null=True, blank=True)  # noqa: DJ001 null without tracing

    objects = OutboxEventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["id"], condition=Q(published_at=None), name="messaging_outbox_pending"
            ),
            models.Index(
                fields=["published_at"],
                condition=~Q(published_at=None),
                name="messaging_outbox_published",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.routing_key} {self.id}"


class RefusedMessage(models.Model):
    """A message that a full queue of RabbitMQ refused. The relay publishes it to that queue again.

    Its event is marked as published, and the other queues have it.
    """

    id = models.BigAutoField(primary_key=True)
    queue = models.CharField(max_length=64)
    # the outbox event's id
    message_id = models.CharField(max_length=64)
    routing_key = models.CharField(max_length=64)
    body = models.BinaryField()
    # the outbox event's time in seconds since 1970
    timestamp = models.BigIntegerField()
    traceparent = models.CharField(max_length=55, null=True)  # noqa: DJ001 null without tracing

    class Meta:
        indexes: ClassVar = [models.Index(fields=["queue", "id"], name="messaging_refused_order")]

    def __str__(self) -> str:
        return f"{self.queue}: {self.routing_key} {self.message_id}"


class QueuedMessage(models.Model):
    """A message in a queue of the embedded broker."""

    id = models.BigAutoField(primary_key=True)
    queue = models.CharField(max_length=64)
    # the outbox event's id
    message_id = models.CharField(max_length=64)
    routing_key = models.CharField(max_length=64)
    body = models.BinaryField()
    traceparent = models.CharField(max_length=55, null=True)  # noqa: DJ001 null without tracing

    class Meta:
        indexes: ClassVar = [models.Index(fields=["queue", "id"], name="messaging_queued_order")]

    def __str__(self) -> str:
        return f"{self.queue}: {self.routing_key} {self.message_id}"
