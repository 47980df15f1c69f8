"""The study of one's own data, shrunk: one command from data to a page, tuned or untuned; and one entry more."""

import csv
import random
import re
import shutil
from pathlib import Path

import pytest

from tests.helpers import TINY, TINY_BUDGET, TINY_EVAL, records, written
from tests.trials.test_command import ENTRY, YAML

SHRUNK = [*TINY, "study=all_families", "model=maf,flow_matching,gaussian", "seed=0,1", "budget.parameters=600",
          "budget.tolerance=0.5", "-m"]  # fmt: skip


def folder_in(place: Path) -> Path:
    (folder,) = (place / "results").glob("all_families-linear_gaussian-*")
    return folder


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "table.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.long
def test_one_command_tunes_ranks_and_makes_the_page(bench_call, tmp_path) -> None:
    answer = bench_call("run", *SHRUNK)
    assert answer.code == 0, answer.err
    folder = folder_in(tmp_path)
    first, *lines = answer.out.splitlines()
    assert first == f"results: results/{folder.name}"
    hours = next(line for line in lines if "one after the other" in line)
    assert hours.startswith("16 trials and 10 runs: about ")
    assert lines.index(hours) < next(n for n, line in enumerate(lines) if "  ok  " in line)
    assert f"page:  results/{folder.name}/report.html" in answer.out
    page = (folder / "report.html").read_text()
    assert "Tuning: validation by learning rate" in page
    assert "untuned:" not in page
    rows = table(folder)
    assert {(row["model"], row["setting"]) for row in rows} >= {("flow_matching", "tuned"), ("maf", "tuned")}
    assert {row["study"] for row in rows} == {folder.name}
    again = bench_call("run", *SHRUNK)
    assert again.code == 0
    assert "trials and" not in again.out
    assert not re.search(r"\d  ok  ", again.out)

    other = bench_call("run", *SHRUNK, "data.dim=4", "--dry-run")
    assert f"results: results/{folder.name}" not in other.out
    assert "results: results/all_families-linear_gaussian-" in other.out
    assert len(list((tmp_path / "results").iterdir())) == 1


def write_csv(path: Path, rows: int = 200) -> None:
    """Two clusters of people with a text label: three real columns, of which one has ties, and one of whole numbers."""
    draw = random.Random(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["height (cm)", "weight", "shoe", "children", "club"])
        for _ in range(rows):
            club = draw.choice(["chess", "rowing"])
            height = draw.gauss(170 if club == "chess" else 185, 6)
            numbers = height, 0.9 * height - 90 + draw.gauss(0, 5), round(height / 4.1 + draw.gauss(0, 0.7), 0) / 2
            writer.writerow([*numbers, draw.randrange(5), club])


@pytest.mark.long
def test_a_csv_with_ties_becomes_a_page_on_which_none_is_first(bench_call, tmp_path) -> None:
    """From a folder with nothing but the file: refused where it would take too long, then made."""
    write_csv(tmp_path / "mine.csv")
    words = ["run", "study=all_families", "data=table", "data.path=mine.csv", "data.label=club", *TINY_BUDGET,
             *TINY_EVAL, "model=maf,flow_matching,gaussian", "seed=0,1", "budget.parameters=600",
             "budget.tolerance=0.5", "-m"]  # fmt: skip
    answer = bench_call(*words, "hours=0.0001")
    assert answer.code == 2
    (line,) = answer.err.splitlines()
    assert re.fullmatch(r"bench: about \d+ (s|min) is above hours=0.0001: give it hours=0.1, .*", line)
    assert {path.name for path in tmp_path.iterdir()} == {"mine.csv"}

    answer = bench_call(*words)
    assert answer.code == 0, answer.err
    (folder,) = (tmp_path / "results").iterdir()
    assert folder.name.startswith("all_families-mine-")
    rows = table(folder)
    assert {(row["model"], row["status"]) for row in rows} == {
        (model, "ok") for model in ("maf", "flow_matching", "gaussian")
    }
    assert all(row["nll_space"].startswith("nats of standardised columns") for row in rows)
    assert all(float(row["nll_unit_nats"]) != float(row["nll_nats"]) for row in rows)
    page = (folder / "report.html").read_text()
    assert "grows without bound; none is first." in page
    assert "has the lowest test NLL" not in page
    assert "shoe has ties" in page
    assert "grows without bound: none is first there" in page
    assert "exact density" not in page


@pytest.mark.long
def test_a_csv_without_ties_has_a_first_model_and_a_row_of_it_writes_new_rows(bench_call, tmp_path) -> None:
    """What the README promises, in two commands; all floors are there."""
    draw = random.Random(1)
    with (tmp_path / "mine.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["height", "weight", "pulse"])
        for _ in range(400):
            height = draw.gauss(170, 10)
            writer.writerow([height, 0.9 * height - 90 + draw.gauss(0, 5), draw.gauss(70, 8)])
    words = ["run", "study=all_families", "data=table", "data.path=mine.csv", *TINY_BUDGET, *TINY_EVAL,
             "model=maf,gaussian,gmm,kde,forest_ar", "seed=0,1", "budget.parameters=600", "budget.tolerance=0.5",
             "-m"]  # fmt: skip
    answer = bench_call(*words)
    assert answer.code == 0, answer.err
    assert "has the lowest test NLL" in answer.out
    (folder,) = (tmp_path / "results").iterdir()
    rows = table(folder)
    assert {row["model"] for row in rows} == {"maf", "gaussian", "gmm", "kde", "forest_ar"}
    assert {row["status"] for row in rows} == {"ok"}
    run = next(row["run_id"] for row in rows if row["model"] == "maf")
    answer = bench_call("sample", run, "-n", "1000", "--out", "new.csv")
    assert answer.code == 0, answer.err
    with (tmp_path / "new.csv").open(newline="") as file:
        head, *new = csv.reader(file)
    assert head == ["height", "weight", "pulse"]
    assert len(new) == 1_000


def test_no_run_begins_once_the_hours_are_over(bench_call, tmp_path) -> None:
    answer = bench_call("run", *TINY, "model=gaussian", "hours=1e-9")
    assert answer.code == 1
    assert answer.err == ("bench: hours: the time is over, 1 runs have not begun; the same command goes on from here\n")
    assert not list(tmp_path.glob("results/scratch/runs/*"))


@pytest.mark.long
def test_untuned_says_so_and_names_no_winner(bench_call, tmp_path) -> None:
    answer = bench_call("run", *SHRUNK, "tune=no")
    assert answer.code == 0, answer.err
    folder = folder_in(tmp_path)
    assert "6 runs: about" in answer.out
    assert "8 trials" not in answer.out
    for text in (answer.out, (folder / "report.html").read_text(), (folder / "summary.md").read_text()):
        assert "untuned: every entry as it comes" in text
        assert "Distance from the best model" not in text
    assert len((folder / "differences.csv").read_text().splitlines()) == 1
    with (folder / "summary.csv").open() as file:
        assert {row["best"] for row in csv.DictReader(file)} == {""}
    record = next(iter(records(folder).values()))
    assert record["untuned"] is True
    assert bench_call("report", "all_families").code == 0

    # Tuned afterwards, in the same folder: the runs as they come are not made again.
    before = written(folder)
    answer = bench_call("run", *SHRUNK)
    assert answer.code == 0, answer.err
    assert "untuned:" not in (folder / "report.html").read_text()
    assert written(folder).items() >= before.items()


@pytest.mark.long
def test_an_entry_of_ones_own_is_ranked_in_a_committed_table(bench_call, tmp_path) -> None:
    """The rows of the others are there, their runs are not: only its own trials and runs are made."""
    conf = tmp_path / "conf"
    (conf / "model").mkdir(parents=True)
    (conf / "study").mkdir()
    (conf / "model" / "mine.yaml").write_text(YAML)
    (tmp_path / "mine.py").write_text(ENTRY)
    axes = {word.partition("=")[0]: word.partition("=")[2] for word in [*TINY, "budget.tolerance=0.9"]}
    grid = "\n".join(f"    {name}: [{value}]" for name, value in axes.items() if name != "threads")
    (conf / "study" / "small.yaml").write_text(
        "# @package _global_\n# A small one\nstudy: small\nthreads: 1\ngrid:\n  - model: [maf, gaussian]\n"
        f"    tune.settings: [[tuned]]\n    seed: [0, 1]\n{grid}\n"
    )
    study = ["run", "--config-dir", "conf", "study=small"]
    answer = bench_call(*study)
    assert answer.code == 0, answer.err
    assert bench_call("report", "small").code == 0
    folder = tmp_path / "results" / "small"
    committed = table(folder)
    shutil.rmtree(folder / "runs")
    shutil.rmtree(folder / "tuning")

    answer = bench_call(*study, "model=mine", "tune=yes")
    assert answer.code == 0, answer.err
    assert {record["model"] for record in records(folder).values()} == {"mine"}
    rows = table(folder)
    assert [row for row in rows if row["model"] != "mine"] == committed
    assert {row["setting"] for row in rows if row["model"] == "mine"} == {"tuned"}
    with (folder / "differences.csv").open() as file:
        pairs = list(csv.DictReader(file))
    assert {pair["setting"] for pair in pairs} == {"tuned"}
    assert {name for pair in pairs for name in (pair["best"], pair["model"])} == {"maf", "mine", "gaussian"}
    assert "older version" not in answer.out
    assert f"page:  {folder.relative_to(tmp_path) / 'report.html'}" in answer.out
