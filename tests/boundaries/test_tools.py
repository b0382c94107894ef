"""The developer's tools: Makefile, pre-commit and the scripts of deploy/."""

import re
import subprocess
import sys

import yaml

from tests.support.commands import ROOT


def test_pre_commit_runs_the_steps_of_make_check() -> None:
    makefile = (ROOT / "Makefile").read_text()
    [checks] = re.findall(r"^CHECKS = (.+)$", makefile, re.MULTILINE)
    [repository] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]

    hooks = repository["hooks"]

    assert [hook["id"] for hook in hooks] == checks.split()
    assert [hook["entry"] for hook in hooks] == [f"make --silent {name}" for name in checks.split()]


def test_make_services_needs_the_standard_library_only() -> None:
    answer = subprocess.run(
        [sys.executable, "-S", "-m", "deploy.services", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert answer.returncode == 0, answer.stderr
    assert "PostgreSQL" in answer.stdout


def test_all_requirements_have_hashes() -> None:
    for name in ("base", "dev"):
        text = (ROOT / f"requirements/{name}.txt").read_text()
        pins = re.findall(r"^[\w.\[\],-]+==.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)

        assert pins
        assert [pin for pin in pins if "--hash=sha256:" not in pin] == []
