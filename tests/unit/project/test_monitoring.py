"""deploy/monitoring and docs/runbooks.md match each other and the metrics that the code exports."""

import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from common.observability import metrics
from messaging.backlog import Backlog

MONITORING: Path = settings.BASE_DIR / "deploy/monitoring"
RUNBOOKS: str = (settings.BASE_DIR / "docs/runbooks.md").read_text()
_SERIES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}


@cache
def alerts() -> dict[str, dict[str, Any]]:
    (group,) = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def expressions() -> list[str]:
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    shown = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    return [*shown, *(rule["expr"] for rule in alerts().values())]


def exported() -> dict[str, set[str]]:
    """The labels of each of our series, by name."""
    series: dict[str, set[str]] = {}
    declared = {value for value in vars(metrics).values() if hasattr(value, "_labelnames")}
    for metric in declared:
        for suffix in _SERIES[metric._type]:
            labels = set(metric._labelnames) | ({"le"} if suffix == "_bucket" else set())
            series[metric._name + suffix] = labels
    for family in Backlog().describe():
        series[family.name] = set(family._labelnames)
    return series


def test_every_metric_in_an_expression_is_exported_with_its_labels() -> None:
    known = exported()
    for expression in expressions():
        names = re.findall(r"\b(microblog_\w+)(?:\{(.*?)\})?", expression, re.DOTALL)
        for name, selector in names:
            assert name in known, expression
            assert set(re.findall(r"(\w+)\s*[=!]", selector)) <= known[name], expression
        grouped = {
            label.strip()
            for by in re.findall(r"by \((.*?)\)", expression)
            for label in by.split(",")
        }
        assert grouped <= {"job"}.union(*(known[name] for name, _ in names)), expression


def test_the_dashboard_shows_every_metric() -> None:
    shown = " ".join(expressions())
    families = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in exported()}

    assert [name for name in families if name not in shown] == []


def test_every_alert_has_a_runbook() -> None:
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", RUNBOOKS, re.DOTALL | re.MULTILINE))

    assert list(sections) == list(alerts())
    for name, text in sections.items():
        assert re.findall(r"^\*\*(\w+)\.\*\* \S", text, re.MULTILINE) == ["Meaning", "Check", "Do"]
        assert alerts()[name]["annotations"]["runbook"] == f"docs/runbooks.md#{name.lower()}"


def test_runbooks_name_panels_and_sections_that_exist() -> None:
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    titles = {panel["title"] for panel in panels}
    for title in re.findall(r"\*([A-Z][^*\n]+)\*(?!\*)", RUNBOOKS):
        is_logged = title.startswith(("RabbitMQ is down", "Redis refuses"))
        assert is_logged or any(known.startswith(title) for known in titles), title
    anchors = {f"#{name.lower()}" for name in alerts()}
    assert set(re.findall(r"\]\((#\w+)\)", RUNBOOKS)) <= anchors


def test_every_alert_has_a_test_in_which_it_fires() -> None:
    tests = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
    fired = {
        case["alertname"]
        for test in tests
        for case in test["alert_rule_test"]
        if case["exp_alerts"]
    }

    assert fired == set(alerts())


@pytest.mark.real
def test_promtool_accepts_the_rules_and_their_tests() -> None:
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(
            [*promtool(), *command], cwd=MONITORING, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def promtool() -> list[str]:
    """The installed one, else that of Prometheus' image."""
    if found := shutil.which("promtool"):
        return [found]
    mount = f"{MONITORING}:/monitoring:ro"
    return [
        "docker", "run", "--rm", "-v", mount, "-w", "/monitoring",
        "--entrypoint", "promtool", "prom/prometheus:v2.55.1",
    ]  # fmt: skip
