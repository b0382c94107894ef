from typing import ClassVar

from django.db import models
from django.db.models import Q


class OutboxEventQuerySet(models.QuerySet["OutboxEvent"]):
    def pending(self) -> "OutboxEventQuerySet":
        """Not known to have reached the broker, oldest first."""
        return self.filter(published_at=None).order_by("id")


class OutboxEvent(models.Model):
    """News that waits in its writer's transaction until the relay has brought it to the broker."""

    # drawn as every id is; becomes the message's id
    id = models.BigIntegerField(primary_key=True)
    # names the event's type, see messaging.events
    routing_key = models.CharField(max_length=64)
    # the event as it goes over the wire: one JSON object
    body = models.TextField()
    # when the writer published it
    created_at = models.DateTimeField()
    # when the broker confirmed it; empty until then
    published_at = models.DateTimeField(null=True, blank=True)
    # the trace that the change was part of, if it is traced
    traceparent = models.CharField(max_length=55, null=True, blank=True)  # noqa: DJ001 null where nothing is traced

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
    """A message that a full queue of RabbitMQ refused; the relay offers it to that queue again.

    Its event counts as published, and the other queues have it.
    """

    id = models.BigAutoField(primary_key=True)
    queue = models.CharField(max_length=64)
    # the outbox event's id
    message_id = models.CharField(max_length=64)
    routing_key = models.CharField(max_length=64)
    body = models.BinaryField()
    # the outbox event's time in seconds since 1970
    timestamp = models.BigIntegerField()
    traceparent = models.CharField(max_length=55, null=True)  # noqa: DJ001 null where nothing is traced

    class Meta:
        indexes: ClassVar = [models.Index(fields=["queue", "id"], name="messaging_refused_order")]

    def __str__(self) -> str:
        return f"{self.queue}: {self.routing_key} {self.message_id}"


class QueuedMessage(models.Model):
    """A message in a queue of the embedded broker. RabbitMQ keeps its own."""

    id = models.BigAutoField(primary_key=True)
    queue = models.CharField(max_length=64)
    # the outbox event's id
    message_id = models.CharField(max_length=64)
    routing_key = models.CharField(max_length=64)
    body = models.BinaryField()
    traceparent = models.CharField(max_length=55, null=True)  # noqa: DJ001 null where nothing is traced

    class Meta:
        indexes: ClassVar = [models.Index(fields=["queue", "id"], name="messaging_queued_order")]

    def __str__(self) -> str:
        return f"{self.queue}: {self.routing_key} {self.message_id}"
