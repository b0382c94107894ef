"""The shape of a permission rule. Each service declares its rules in its own `permissions.py`.

Rules decide what a caller may do to an object. Views' `permission_classes` and
`grpc_services.credentials` decide who may call at all.
"""

from collections.abc import Callable
from typing import Generic, ParamSpec

from common.errors import Forbidden, ServiceError

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
