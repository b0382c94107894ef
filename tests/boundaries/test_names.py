"""Names use words that a newcomer knows. docs/architecture.md has the glossary."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from common.observability import metrics
from tests.support.commands import ROOT

# Each has had several meanings here, or one that only its author knew.
RETIRED = {
    *("bury", "doomed", "gate", "gently", "heard", "impose", "mend", "misplaced", "multitude"),
    *("news", "patience", "place", "placement", "placing", "purse", "settle", "settled"),
    *("settling", "stage", "strangers", "told", "town", "truth", "untold", "wary", "watching"),
    *("world",),
}
MODULES = [
    file
    for file in subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    if "/generated/" not in file and "/migrations/" not in file
]


def test_names_of_modules_functions_and_classes_use_no_retired_word() -> None:
    assert [f"{module}: {name}" for module, name in names() if words(name) & RETIRED] == []


def test_names_of_metrics_use_no_retired_word() -> None:
    exported = re.findall(r'"(microblog_\w+)"', Path(metrics.__file__).read_text())

    assert exported
    assert [name for name in exported if words(name) & RETIRED] == []


def names() -> Iterator[tuple[str, str]]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for module in MODULES:
        yield module, module.removesuffix(".py")
        for node in ast.walk(ast.parse((ROOT / module).read_text())):
            if isinstance(node, kinds):
                yield module, node.name


def words(name: str) -> set[str]:
    """The words of a snake_case or CamelCase name."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}
