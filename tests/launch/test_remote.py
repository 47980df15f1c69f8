"""The process of a cell elsewhere, begun on this machine from the files of its folder."""

import json
import stat
from pathlib import Path

import pytest

from bench.launch.files import FOLDER, FilePool
from bench.launch.remote import OWN, TASK, attempt, run
from tests.launch.processes_here import Processes


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_task_with_its_environment_is_for_its_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")
    pool = FilePool(Processes(), tmp_path)
    process = pool.start({"do": "run", "orders": []})
    folder: Path = process.folder  # type: ignore[attr-defined]
    assert "secret" in (folder / TASK).read_text()
    assert (mode(folder), mode(folder / TASK)) == (0o700, 0o600)
    attempt(folder, json.loads((folder / TASK).read_text()), lambda: False)
    assert "secret" in (folder / OWN).read_text()
    assert mode(folder / OWN) == 0o600


def test_the_folder_of_a_detached_cell_goes_where_its_process_cannot_start(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER / "0"
    folder.mkdir(parents=True)
    gone = {"environment": {}, "folder": str(tmp_path / "gone"), "path": []}
    (folder / TASK).write_text(json.dumps({"do": "run", "orders": [], "detached": True, "surroundings": gone}))
    with pytest.raises(FileNotFoundError):
        run(folder)
    assert not (tmp_path / FOLDER).exists()
