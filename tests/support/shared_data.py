"""Public test data in ../shared/data."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings


def read_shared(name: str) -> str:
    path = Path(settings.BASE_DIR).parent / "shared/data" / name
    if not path.exists():
        pytest.fail(f"the test data {path} is missing", pytrace=False)
    return path.read_text()


def read_conformance(section: str) -> list[dict[str, Any]]:
    """A section of twitter-text's conformance tests for extraction: texts and expected entities."""
    tests: list[dict[str, Any]] = yaml.safe_load(read_shared("twitter-text/extract.yml"))["tests"][
        section
    ]
    return tests
