"""The table of faults in bench/README.md names tests that exist."""

import ast
import re
from pathlib import Path

from tests.helpers import ROOT


def rows() -> list[tuple[str, list[str]]]:
    """Each fault and what stands in its column of tests."""
    text = (ROOT / "bench/README.md").read_text().partition("## What no fault loses")[2].partition("\n## ")[0]
    table = text[text.index("| fault |") :].partition("\n\n")[0]
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return [(line[0], line[-1].split(", ")) for line in lines[2:]]


def functions_of(path: Path) -> set[str]:
    """The names of the tests in a file."""
    body = ast.parse(path.read_text()).body if path.is_file() else []
    return {node.name for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_each_fault_has_its_test() -> None:
    found = rows()
    assert len(found) >= 24
    for fault, named in found:
        for one in named:
            file, _, function = one.partition("::")
            assert function in functions_of(ROOT / "tests" / file), f"{fault}: {one}"


def test_each_file_of_faults_has_a_line() -> None:
    files = {re.sub("::.*", "", one) for _, named in rows() for one in named}
    there = {path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests/faults").glob("test_*.py")}
    assert there - {"faults/test_table.py"} <= files
