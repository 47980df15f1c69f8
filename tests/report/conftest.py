"""One made study and its report, shared by the tests that only look."""

from pathlib import Path

import pytest

from bench.report.report import report
from tests.report.synthetic import write_study


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with the study `made`: read-only for tests."""
    folder = tmp_path_factory.mktemp("results")
    write_study(folder / "made")
    return folder


@pytest.fixture(scope="session")
def printed(results: Path) -> list[str]:
    """The lines that the report of `made` prints; from then on its files are there."""
    return report("made", results)


@pytest.fixture
def made(results: Path, printed: list[str]) -> Path:
    """The folder of `made` with its report in it: read-only for tests."""
    return results / "made"
