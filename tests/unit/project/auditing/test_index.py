from typing import Any

from django.utils import timezone

from accounts.services import suspend
from common.ids import new_id
from search.index import Document, Tombstone, index
from tests.support.audit import Audit, Scenario
from tweets.models import Tweet


def test_a_missing_document_is_found_and_repaired(scenario: Scenario, audit: Audit) -> None:
    index().clear()

    assert audit(only=["search"]) == [
        f"search: document {id} is missing" for id in [*scenario.tweets, scenario.reposted]
    ]

    scenario.expect_no_differences()


def test_a_document_without_a_tweet_is_found_and_repaired(scenario: Scenario, audit: Audit) -> None:
    id = new_id()
    index().write(
        [Document(id=id, user_id=scenario.alice.id, content="no", created_at=timezone.now())]
    )

    assert audit() == [f"search: document {id} has no tweet"]

    scenario.expect_no_differences()


def test_a_stale_document_is_found_and_repaired(scenario: Scenario, audit: Audit) -> None:
    write_document(scenario, content="another text")

    assert audit() == [f"search: document {scenario.tweets[1]} is stale"]

    scenario.expect_no_differences()


def test_a_document_hidden_though_its_author_is_visible_is_found_and_repaired(
    scenario: Scenario, audit: Audit
) -> None:
    write_document(scenario, hidden=True)

    assert audit() == [f"search: document {scenario.tweets[1]} is hidden though its author is not"]

    scenario.expect_no_differences()


def test_a_document_shown_though_its_author_is_suspended_is_found_and_repaired(
    scenario: Scenario, audit: Audit
) -> None:
    suspend(user_id=scenario.alice.id)
    scenario.drain()
    write_document(scenario, hidden=False)

    assert audit() == [
        f"search: document {scenario.tweets[1]} is visible though its author is hidden"
    ]

    scenario.expect_no_differences()


def test_a_tombstone_of_an_existing_tweet_is_found_and_repaired(
    scenario: Scenario, audit: Audit
) -> None:
    index().write([Tombstone(id=scenario.tweets[1], deleted_at=timezone.now())])

    assert audit() == [
        f"search: document {scenario.tweets[1]} has a tombstone though the tweet exists"
    ]

    scenario.expect_no_differences()


def write_document(scenario: Scenario, **fields: Any) -> None:
    """Writes a wrong document for alice's second tweet, with a version above all others."""
    tweet = Tweet.objects.get(id=scenario.tweets[1])
    document: dict[str, Any] = {"content": tweet.content, "hidden": False} | fields
    version = int(timezone.now().timestamp() * 1_000_000)
    index().write(
        [
            Document(
                id=tweet.id,
                user_id=tweet.user_id,
                created_at=tweet.created_at,
                version=version,
                **document,
            )
        ]
    )
