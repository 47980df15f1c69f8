"""Some of the mutations of fuzz_readers.py, always the same, and every file that once failed."""

import shutil
from pathlib import Path

import pytest

from bench.report import style
from tests.report.fuzz_readers import CORPUS, case, kept_case, template

CASES, DRAWN = 60, 20  # every so many-th is drawn as well


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz") / "made"
    template(folder)
    return folder


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style, "DPI", 30)


@pytest.mark.long
def test_a_mutated_study_is_reported_or_refused(made: Path, tmp_path: Path) -> None:
    for seed in range(CASES):
        case(made, tmp_path / "case", seed, drawn=seed % DRAWN == 0)
        shutil.rmtree(tmp_path / "case")


@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.iterdir()))
def test_what_once_failed_is_reported_or_refused(name: str, made: Path, tmp_path: Path) -> None:
    kept_case(made, tmp_path / "case", CORPUS / name)
