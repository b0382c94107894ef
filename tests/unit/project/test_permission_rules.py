"""Every rule of the services' `permissions` modules answers as `permission_table` says."""

from dataclasses import dataclass
from importlib import import_module, util
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings

from common.errors import ServiceError
from common.permissions import Rule
from tests.unit.project import permission_table


@dataclass(frozen=True)
class Account:
    is_active: bool


_FACTS: dict[str, Any] = {
    "active": Account(is_active=True),
    "suspended": Account(is_active=False),
    "none": None,
    "yes": True,
    "no": False,
}
RULES = [line.split() for line in permission_table.RULES.splitlines() if line]


def rules() -> dict[str, Rule[...]]:
    """Every rule of every app's `permissions` module, such as `accounts.follow`."""
    names = [app.name for app in apps.get_app_configs()]
    modules = {name: f"{name}.permissions" for name in names if not name.startswith("django.")}
    return {
        f"{app}.{name}": rule
        for app, module in modules.items()
        if util.find_spec(module)
        for name, rule in vars(import_module(module)).items()
        if isinstance(rule, Rule)
    }


def _answer(rule: Rule[...], facts: list[str]) -> str:
    pairs = (fact.split("=") for fact in facts)
    known = {name: int(fact) if fact.isdigit() else _FACTS[fact] for name, fact in pairs}
    try:
        rule.check(**known)
    except ServiceError as error:
        assert not rule.allows(**known)
        return error.code
    assert rule.allows(**known)
    return "allowed"


def test_every_rule_has_a_row_that_allows_and_one_that_refuses() -> None:
    allowed = {name for name, *_, answer in RULES if answer == "allowed"}
    refused = {name for name, *_, answer in RULES if answer != "allowed"}
    assert allowed == refused == set(rules())


@pytest.mark.parametrize("row", RULES, ids=" ".join)
def test_every_rule_answers_as_the_table_says(row: list[str]) -> None:
    name, *facts, answer = row
    assert _answer(rules()[name], facts) == answer


def test_only_rules_refuse_an_action() -> None:
    sources = [
        path
        for app in apps.get_app_configs()
        if Path(app.path).parent == settings.BASE_DIR
        for path in Path(app.path).rglob("*.py")
        if "raise Forbidden" in path.read_text()
    ]
    assert sources == []
