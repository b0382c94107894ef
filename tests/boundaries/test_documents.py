"""What the documents point at is there."""

import re
from pathlib import Path

import pytest

from tests.support.commands import ROOT

NAMES = {path.name for path in ROOT.glob("tests/**/*.py")}


@pytest.mark.parametrize("document", ["docs/security.md", "docs/scaling.md", "SECURITY.md"])
def test_a_document_names_files_that_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    named = set(re.findall(r"`([\w/]+\.(?:py|md))`", text))
    missing = {name for name in named if not (ROOT / name).exists() and name not in NAMES}
    assert missing == set()
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert [link for link in linked if not ((ROOT / document).parent / Path(link)).exists()] == []
