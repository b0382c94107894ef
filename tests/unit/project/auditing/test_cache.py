from django.core.management import call_command

from accounts.models import User
from tests.support.audit import Audit, Scenario
from tweets.models import Like, Tweet


def test_stale_fragments_are_found_and_dropped(scenario: Scenario, audit: Audit) -> None:
    User.objects.filter(id=scenario.alice.id).update(display_name="Alice the Second")
    Like.objects.filter(user_id=scenario.bob.id).delete()
    Tweet.objects.filter(id=scenario.reposted).update(num_likes=0, content="edited by hand")
    Tweet.objects.filter(id=scenario.tweets[0]).update(content="edited, too")

    assert audit(only=["cache"]) == sorted(
        [
            f"cache: marks:{scenario.bob.id} is stale {scenario.reposted}",
            f"cache: tweet:{scenario.reposted} is stale",
            f"cache: tweet:{scenario.tweets[0]} is stale",
            f"cache: user:{scenario.alice.id} is stale",
        ]
    )

    call_command("audit", wait=0, only=["cache"])


def test_the_fragment_of_a_deleted_tweet_is_found_and_dropped(
    scenario: Scenario, audit: Audit
) -> None:
    Tweet.objects.filter(id=scenario.tweets[0]).delete()

    assert audit(only=["cache"]) == [f"cache: tweet:{scenario.tweets[0]} is stale"]
