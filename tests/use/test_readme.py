"""The twelve lines of the reference, run as they stand but for their budget."""

import re
from pathlib import Path

import pandas as pd

from tests.helpers import ROOT, TINY_EVAL
from tests.use.conftest import write_table


def test_twelve_lines_lead_from_a_csv_to_samples(tmp_path: Path, monkeypatch) -> None:
    text = (ROOT / "bench" / "README.md").read_text().partition("## Use what was trained")[2]
    found = re.search(r"```python\n(.+?)```", text, re.DOTALL)
    assert found is not None
    lines = [line for line in found[1].splitlines() if line]
    assert len(lines) == 12
    write_table(tmp_path / "people.csv", 300)
    monkeypatch.chdir(tmp_path)
    small = ", ".join(f'"{word}"' for word in [*TINY_EVAL, "train.batch_size=32"])
    code = found[1].replace('"budget.steps=500"', f'"budget.steps=20", {small}')
    assert code != found[1]
    names: dict = {}
    exec(code, names)
    written = pd.read_csv("new.csv")
    assert list(written) == ["height", "age", "mass", "place", "year", "height_again"]
    assert len(written) == 1_000
    assert 0 <= len(names["odd"]) < 1_000
    pd.testing.assert_frame_equal(names["again"], names["rows"], rtol=1e-3, atol=1e-3)
    assert names["same"].record == names["run"].record
