"""The outbox in the admin is read-only."""

import pytest
from django.test import Client
from django.utils import timezone

from common.db import atomic
from messaging import outbox
from messaging.events import UserDeleted, UserRestored
from messaging.models import OutboxEvent
from tests.support.factories import UserFactory

ADDRESS = "/admin/messaging/outboxevent/"


@pytest.fixture
def staff(db: None) -> Client:
    client = Client()
    client.force_login(UserFactory.create(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def events(db: None) -> list[OutboxEvent]:
    """A published event and a pending one."""
    with atomic("accounts"):
        outbox.publish(UserDeleted(id=1, at=timezone.now()), service="accounts")
        outbox.publish(UserRestored(id=1, at=timezone.now()), service="accounts")
    OutboxEvent.objects.filter(routing_key="user.deleted").update(published_at=timezone.now())
    return list(OutboxEvent.objects.order_by("routing_key"))


def listed(client: Client, **query: str) -> list[str]:
    answer = client.get(ADDRESS, query)
    assert answer.status_code == 200
    return [event.routing_key for event in answer.context["cl"].result_list]


def test_the_list_filters_by_state(staff: Client, events: list[OutboxEvent]) -> None:
    assert listed(staff, state="published") == ["user.deleted"]
    assert listed(staff, state="pending") == ["user.restored"]
    assert len(listed(staff)) == 2


def test_the_search_finds_ids_and_routing_keys(staff: Client, events: list[OutboxEvent]) -> None:
    assert listed(staff, q=str(events[0].id)) == ["user.deleted"]
    assert listed(staff, q="user.restored") == ["user.restored"]
    assert listed(staff, q="user") == []


def test_nothing_can_be_changed(staff: Client, events: list[OutboxEvent]) -> None:
    assert staff.get(f"{ADDRESS}add/").status_code == 403
    assert staff.post(f"{ADDRESS}{events[0].id}/delete/", {"post": "yes"}).status_code == 403
    assert staff.post(f"{ADDRESS}{events[0].id}/change/", {"body": "{}"}).status_code == 403
    assert staff.get(f"{ADDRESS}{events[0].id}/change/").status_code == 200
