"""Documents name files, sections and functions that exist."""

import ast
import re
import subprocess
from pathlib import PurePath

import pytest

from tests.support.commands import ROOT

FILES = subprocess.run(
    ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.split()
FILE_NAMES = {PurePath(file).name for file in FILES}
DOCUMENTS = [file for file in FILES if file.endswith(".md")]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_files_that_exist(document: str) -> None:
    for name in re.findall(r"`([\w/.-]+\.(?:py|md|lua|proto))(?::\w+)?`", read(document)):
        if "/" in name:
            assert (ROOT / name).exists() or ((ROOT / document).parent / name).exists(), name
        else:
            assert name in FILE_NAMES, name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_links_to_files_and_sections_that_exist(document: str) -> None:
    for target, section in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", read(document)):
        file = (ROOT / document).parent / target if target else ROOT / document
        assert file.exists(), target
        if section:
            assert section in sections(file.read_text()), f"{target}#{section}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_document_names_functions_that_exist(document: str) -> None:
    """Written `path/file.py:function`, as the flows in docs/architecture.md are."""
    for file, name in re.findall(r"`([\w/]+\.(?:py|lua)):(\w+)`", read(document)):
        beside = (ROOT / document).parent / file
        source = (beside if beside.exists() else ROOT / file).read_text()
        if file.endswith(".lua"):
            assert re.search(rf"function {name}\b", source), f"{file}:{name}"
        else:
            assert name in definitions(source), f"{file}:{name}"


def read(document: str) -> str:
    return (ROOT / document).read_text()


def sections(text: str) -> set[str]:
    """The anchors of its headings, as GitHub writes them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def definitions(source: str) -> set[str]:
    """Functions, methods and classes."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)}
