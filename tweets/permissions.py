"""The rules for acting on tweets."""

from collections.abc import Container, Mapping

from common.errors import Forbidden
from common.permissions import Decision, Rule

# Actions that the admin offers to staff, by model. Staff need Django's permission for it, too.
STAFF_MAY: Mapping[str, Container[str]] = {
    "tweet": {"view", "delete"},  # staff never edit a user's words
    "like": {"view"},
}


@Rule
def delete_tweet(*, user_id: int, author_id: int) -> Decision:
    return user_id == author_id or Forbidden("only its author may delete a tweet")
