"""Plots that did not change are not drawn again; those that did are, and the bytes are the same either way."""

import shutil
from pathlib import Path

import pytest

from bench.report import drawers, plots
from bench.report.drawn import NAME
from bench.report.report import report
from tests.report.synthetic import record, write_run, write_study


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The data sets whose plots are drawn, as that happens; in this process, so that it is seen."""
    seen: list[str] = []
    original = plots.plots_of

    def seeing(sheet):
        seen.append(sheet.cells[0].data)
        return original(sheet)

    monkeypatch.setattr(plots, "plots_of", seeing)
    monkeypatch.setattr(drawers, "cores", lambda: 1)
    return seen


def files(folder: Path) -> dict[str, bytes]:
    kinds = ("*.csv", "*.md", "*.tex", "*.html", "plots/*.png")
    return {str(path.relative_to(folder)): path.read_bytes() for kind in kinds for path in folder.glob(kind)}


def test_only_what_changed_is_drawn_again(tmp_path: Path, drawn: list[str]) -> None:
    study = tmp_path / "made"
    write_study(study)
    report("made", tmp_path)
    assert sorted(drawn) == ["digits", "eight_gaussians"]
    first = files(study)
    assert len([name for name in first if name.startswith("plots")]) > 8

    drawn.clear()
    report("made", tmp_path)
    assert drawn == []
    assert files(study) == first

    write_run(study, record("digits", "cnf", 3))
    report("made", tmp_path)
    assert drawn == ["digits"]
    grown = files(study)
    assert grown.keys() == first.keys()
    assert {name for name in first if grown[name] != first[name] and "eight_gaussians" in name} == set()
    assert "plots/nll-digits.png" in {name for name in first if grown[name] != first[name]}

    shutil.rmtree(study / "plots")
    report("made", tmp_path)
    assert files(study) == grown, "the bytes do not depend on what was kept"


@pytest.mark.parametrize("harm", ["absent", "changed", "not JSON", "of another shape"])
def test_a_plot_that_is_not_as_it_was_written_is_drawn_again(tmp_path: Path, drawn: list[str], harm: str) -> None:
    study = tmp_path / "made"
    for seed in range(2):
        for model in ("vae", "cnf"):
            write_run(study, record("digits", model, seed))
    report("made", tmp_path)
    first = files(study)
    picture = next(iter((study / "plots").glob("nll-*.png")))
    if harm == "absent":
        picture.unlink()
    elif harm == "changed":
        picture.write_bytes(picture.read_bytes()[:-1])
    else:
        (study / NAME).write_text("{" if harm == "not JSON" else '{"digits": []}')
    drawn.clear()
    report("made", tmp_path)
    assert drawn == ["digits"]
    assert files(study) == first
