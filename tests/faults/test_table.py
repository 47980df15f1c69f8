"""The table of faults in bench/README.md names tests that exist."""

import re

from tests.helpers import ROOT


def test_each_fault_has_its_test() -> None:
    text = (ROOT / "bench/README.md").read_text().partition("## What no fault loses")[2].partition("\n## ")[0]
    named = re.findall(r"^\|.*\| ([a-z_/]+\.py) \|$", text, re.MULTILINE)
    assert len(named) >= 18
    assert all((ROOT / "tests" / name).is_file() for name in named)
    assert {path.name for path in (ROOT / "tests/faults").glob("test_*.py")} - {"test_table.py"} <= {
        name.rpartition("/")[2] for name in named
    }
