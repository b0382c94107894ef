"""The shape of a permission rule. Each service declares its rules in its own `permissions.py`.

Rules decide what a caller may do to an object. Views' `permission_classes` and
`grpc_services.credentials` decide who may call at all.
"""

from collections.abc import Callable, Container, Iterable
from typing import Generic, ParamSpec

from common.errors import Forbidden, NotFound, ServiceError

Facts = ParamSpec("Facts")
Decision = ServiceError | bool


class Rule(Generic[Facts]):
    """Decides from facts alone: the caller reads them, under a lock where they must not change.

    The decorated function is named after the action. It returns True, or the error that the client
    gets. Every other value refuses, so a rule that forgets a case denies it.
    """

    def __init__(self, decide: Callable[Facts, Decision]) -> None:
        self.decide = decide

    def allows(self, *args: Facts.args, **kwargs: Facts.kwargs) -> bool:
        return self.decide(*args, **kwargs) is True

    def check(self, *args: Facts.args, **kwargs: Facts.kwargs) -> None:
        """Raises the rule's error unless the action is allowed."""
        decision = self.decide(*args, **kwargs)
        if isinstance(decision, ServiceError):
            raise decision
        if decision is not True:
            raise Forbidden("you may not do this")


# Tweets


def is_shown(people: Iterable[int], known: Container[int] | None) -> bool:
    """Whether an entry is seen: who wrote and reposted it must be known to accounts.

    Known are those who are neither suspended nor deleted; None while accounts is down, when nobody
    is hidden.
    """
    return known is None or all(person in known for person in people)


def check_shown(people: Iterable[int], known: Container[int] | None) -> None:
    """One can't do anything to what one can't see."""
    if not is_shown(people, known):
        raise NotFound("there is no such tweet")
