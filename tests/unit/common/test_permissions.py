"""The shape of a rule. `test_permission_rules.py` tests the rules of the services."""

from typing import Any

import pytest

from common.admin import LargeTableAdmin
from common.errors import Forbidden, NotFound
from common.permissions import Rule


def rule_that_returns(decision: Any) -> Rule[[]]:
    return Rule(lambda: decision)


def test_a_rule_that_returns_true_allows() -> None:
    rule = rule_that_returns(True)
    rule.check()
    assert rule.allows()


def test_a_rule_refuses_with_the_error_that_it_returns() -> None:
    error = NotFound("there is no such user")
    rule = rule_that_returns(error)
    with pytest.raises(NotFound) as raised:
        rule.check()
    assert raised.value is error
    assert not rule.allows()


@pytest.mark.parametrize("decision", [False, None, 1, "yes"])
def test_a_rule_that_returns_anything_else_refuses(decision: object) -> None:
    rule = rule_that_returns(decision)
    with pytest.raises(Forbidden):
        rule.check()
    assert not rule.allows()


def test_the_admin_offers_nothing_that_a_model_does_not_list() -> None:
    class Unlisted(LargeTableAdmin):
        pass

    assert not Unlisted.staff_may
