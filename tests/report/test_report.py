import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli import main
from bench.errors import BenchError
from bench.record.runs import run_path
from bench.report.report import report
from tests.helpers import ROOT
from tests.report.synthetic import record, write_run


def content(folder: Path) -> dict[str, bytes]:
    """What a report wrote: every file outside runs/."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and "runs" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_second_run_in_a_process_without_torch_gives_the_same_bytes(made: Path) -> None:
    before = content(made)
    script = (
        "import sys; from pathlib import Path; from bench.report.report import report\n"
        f"report('made', Path({str(made.parent)!r}))\n"
        "loaded = {'torch', 'matplotlib.pyplot'} & sys.modules.keys(); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert content(made) == before
    assert {"table.csv", "histories.csv", "curves.csv", "pictures.npz", "summary.csv", "summary.md", "summary.tex",
            "differences.csv", "report.html", "plots/nll-digits.png"} <= before.keys()  # fmt: skip


def test_a_fresh_clone_draws_the_same_report_and_drops_stale_plots(made: Path, tmp_path: Path) -> None:
    clone = tmp_path / "made"
    clone.mkdir()
    for name in ("table.csv", "histories.csv", "curves.csv", "pictures.npz"):
        shutil.copy(made / name, clone)
    (clone / "plots").mkdir()
    for form in ("png", "svg", "pdf"):
        (clone / "plots" / f"nll-renamed.{form}").touch()
    report("made", tmp_path)
    assert content(clone) == content(made)


COMMITTED = sorted(path.parent.name for path in Path(ROOT / "results").glob("*/summary.csv*"))


@pytest.mark.parametrize(
    "study", [name if name == "quick" else pytest.param(name, marks=pytest.mark.long) for name in COMMITTED]
)
def test_a_committed_study_is_drawn_without_its_runs_and_without_torch(study: str, tmp_path: Path) -> None:
    """Torch cannot be imported in that process; the tables are those that are committed."""
    committed, drawn = ROOT / "results" / study, tmp_path / study
    drawn.mkdir()
    drawn_anew = ("summary", "differences", "report", "plots")
    for path in committed.iterdir():
        if path.is_file() and not path.name.startswith(drawn_anew):
            shutil.copy(path, drawn)
    script = (
        "import sys\n"
        "class NoTorch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch': raise ImportError(name)\n"
        "sys.meta_path.insert(0, NoTorch())\n"
        f"from bench.cli import main; sys.exit(main(['report', {study!r}, '--results-dir', {str(tmp_path)!r}]))"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    for path in [*committed.glob("summary.*"), *committed.glob("differences.csv*")]:
        if path.name not in {"summary.tex", "summary.tex.gz"}:
            assert (drawn / path.name).read_bytes() == path.read_bytes(), path.name
    plots = {path.name for path in (drawn / "plots").glob("*.png")}
    assert len(plots) > 4
    assert all(f"plots/{name}" in (drawn / "report.html").read_text() for name in plots)


def test_what_is_printed(printed: list[str], made: Path) -> None:
    assert "22 runs: 18 ok, 1 diverged, 1 failed, 1 timeout, 1 not_applicable" in printed
    assert any(str(made / "report.html") in line for line in printed)


def test_unfinished_and_broken_runs_are_mentioned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "s", record("toy", "vae", 0))
    (write_run(tmp_path / "s", record("toy", "vae", 1)) / "record.json").unlink()
    broken = write_run(tmp_path / "s", record("toy", "vae", 2)) / "record.json"
    broken.write_text("{")
    assert "1 run: 1 ok, 1 unfinished" in report("s", tmp_path)
    assert f"warning: {broken} is broken" in capsys.readouterr().err


def test_an_unknown_study_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "quick").mkdir()
    with pytest.raises(BenchError, match=r"unknown study 'quikc'.*did you mean quick"):
        report("quikc", tmp_path)
    with pytest.raises(BenchError, match=r"unknown study 'quick'.*bench run study=NAME"):
        report("quick", tmp_path / "nowhere")


def test_an_empty_study_says_how_to_fill_it(tmp_path: Path) -> None:
    run_path(tmp_path / "quick" / "runs", "toy-vae-s0-00000000").mkdir(parents=True)
    with pytest.raises(BenchError, match="bench run study=quick"):
        report("quick", tmp_path)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    write_run(tmp_path / "s", record("toy", "vae", 0))
    (tmp_path / "s" / "summary.md").mkdir()  # permissions would not stop root
    with pytest.raises(BenchError, match=r"cannot write .*summary\.md"):
        report("s", tmp_path)


def test_formats_of_plots_are_those_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "s", record("toy", "vae", 0))
    assert main(["report", "s", "--results-dir", str(tmp_path), "--format", "pdf"]) == 0
    assert {path.suffix for path in (tmp_path / "s" / "plots").iterdir()} == {".png", ".pdf"}
    with pytest.raises(SystemExit):
        main(["report", "s", "--format", "gif"])
    assert "'gif' is none of png, svg, pdf" in capsys.readouterr().err


@pytest.mark.parametrize("status", ["failed", "diverged", "timeout", "not_applicable"])
def test_a_study_in_which_nothing_succeeded_has_a_page_that_says_why(status: str, tmp_path: Path) -> None:
    for seed in range(2):
        for model in ("vae", "cnf"):
            write_run(
                tmp_path / "none", record("digits", model, seed, status=status, error="RuntimeError: no such shape")
            )
    lines = report("none", tmp_path)
    assert f"4 runs: 4 {status}" in lines
    page = (tmp_path / "none" / "report.html").read_text()
    assert 'class="card open"' in page
    assert "Fewer than two models have finished." in page
    assert page.count("no such shape") >= 4


def test_one_seed_names_a_lowest_mean_that_is_not_sure(tmp_path: Path) -> None:
    for model in ("vae", "cnf", "realnvp"):
        write_run(tmp_path / "one", record("digits", model, 0))
    report("one", tmp_path)
    page = (tmp_path / "one" / "report.html").read_text()
    assert 'class="card undecided"' in page
    assert 'class="card sure"' not in page
