"""Two studies that write into one folder, and two versions of code on one study: each keeps its rows."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults.study import STUDY, command, ended, left_over, made
from tests.helpers import records, start


@pytest.mark.long
def test_two_studies_in_one_folder_at_once(own_conf: Path, tmp_path: Path, whole: dict[str, Any]) -> None:
    """The second asks for another budget of the same model: nobody's row stands for another's."""
    other = command(own_conf, 0.05, "budget.steps=10")
    processes = [start(tmp_path, *command(own_conf)), start(tmp_path, *other)]
    assert [ended(process).code for process in processes] == [0, 0]
    found = made(tmp_path / STUDY)
    assert whole.items() <= found.items()
    assert len(found) == 3 + 3
    assert left_over(tmp_path / STUDY) == set()
    alone = tmp_path / "alone"
    alone.mkdir()
    assert ended(start(alone, *other)).code == 0
    assert found == whole | made(alone / STUDY)


ENTRY = """from tests.own_entries import Affine


class Mine(Affine):
    def loss(self, x, context=None):
        return {factor} * super().loss(x, context)
"""


@pytest.mark.long
def test_two_versions_of_code_on_one_study(tmp_path: Path) -> None:
    """An entry is edited between two commands: its rows of before stay, under other ids, and those of others count."""
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "conf/model/mine.yaml").write_text("_target_: mine.Mine\nname: mine\nwidth: 4\n")
    (tmp_path / "mine.py").write_text(ENTRY.format(factor=1))
    words = command(tmp_path / "conf", 0.0, "model=mine")
    words.remove("model.seconds=0.0")
    assert ended(start(tmp_path, *words)).code == 0
    before = made(tmp_path / STUDY)
    (tmp_path / "mine.py").write_text(ENTRY.format(factor=2))
    answer = ended(start(tmp_path, *words))
    assert answer.code == 0
    assert "finished before" not in answer.out
    after = made(tmp_path / STUDY)
    assert before.items() <= after.items()
    assert len(after) == 6
    kinds = {record["source_hash"] for record in records(tmp_path / STUDY).values()}
    assert len(kinds) == 2
    report = ended(start(tmp_path, "report", "scratch"))
    assert report.code == 0, report
    assert "mine (source=" in report.out
