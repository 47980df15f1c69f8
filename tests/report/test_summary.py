import csv
import io
from statistics import fmean

import pytest

from bench.record.columns import bounded
from bench.report.intervals import Interval
from bench.report.model_summary import ModelSummary
from bench.report.ranking import differences, differences_csv
from bench.report.study import Run, validated
from bench.report.summary import summarise, summary_csv
from bench.report.tables import study_tables, summary_table
from tests.report.synthetic import ORACLE_NLL, record


def runs(data: str = "toy", **nlls: list[float]) -> list[Run]:
    return [
        validated(record(data, model, seed, nll_nats=nll))
        for model, values in nlls.items()
        for seed, nll in enumerate(values)
    ]


def cell(cells: list[ModelSummary], model: str) -> ModelSummary:
    (found,) = [cell for cell in cells if cell.model == model]
    return found


def test_only_finished_runs_are_averaged_and_failures_keep_their_row() -> None:
    made = [*runs(vae=[2.0, 4.0]), validated(record("toy", "vae", 2, status="diverged", nll_nats=900.0))]
    made += [validated(record("toy", "cnf", 0, status="failed", error="out of memory"))]
    cells = summarise(made)
    assert cell(cells, "vae").intervals["nll_nats"].mean == 3.0
    rows = {(row["model"], row["metric"]): row for row in csv.DictReader(io.StringIO(summary_csv(cells)))}
    ends = {place: (row["mean"], row["n"]) for place, row in rows.items() if place[1].startswith("runs_")}
    assert ends == {
        ("vae", "runs_ok"): ("2", "3"), ("vae", "runs_diverged"): ("1", "3"), ("cnf", "runs_failed"): ("1", "1"),
    }  # fmt: skip
    assert ("cnf", "nll_nats") not in rows
    likelihood = rows["vae", "nll_nats"]
    assert (likelihood["unit"], likelihood["mean"], likelihood["n"]) == ("nats", "3.0", "2")
    assert (likelihood["is_bound"], rows["vae", "steps"]["is_bound"]) == ("True", "False")


def test_a_quantity_that_some_seeds_lack_says_how_many_have_it() -> None:
    made = runs(vae=[2.0, 4.0, 6.0])
    made[1]["c2st"] = None
    interval = summarise(made)[0].intervals["c2st"]
    assert interval.n == 2
    assert interval.mean == pytest.approx(fmean([made[0]["c2st"], made[2]["c2st"]]))


def test_the_oracle_has_its_row_where_the_truth_is_known() -> None:
    cells = summarise(runs(vae=[3.0, 3.1]) + runs("digits", vae=[80.0]))
    assert [(c.data, c.model) for c in cells if c.oracle] == [("toy", "oracle")]
    oracle = cell(cells, "oracle")
    assert oracle.intervals["nll_nats"] == Interval(ORACLE_NLL, None, 1)
    assert oracle.intervals["kl_to_truth"].mean == 0.0


def test_an_oracle_of_redrawn_test_splits_has_an_interval() -> None:
    made = runs(vae=[3.0, 3.1])
    made[1]["oracle_nll_nats"] = ORACLE_NLL + 0.1
    interval = cell(summarise(made), "oracle").intervals["nll_nats"]
    assert interval.n == 2
    assert interval.half_width is not None
    assert interval.half_width > 0


def test_best_needs_a_difference_beyond_seeds_and_examples() -> None:
    # Without per-example values the interval takes the standard error of 0.02: seeds are 0.1 apart.
    clear = summarise(runs(cnf=[1.0, 1.1, 1.2], vae=[2.0, 2.1, 2.2]))
    assert [c.model for c in clear if c.best] == ["cnf"]
    unclear = summarise(runs(cnf=[1.0, 1.1, 1.2], vae=[1.2, 1.3, 1.4]))
    assert not any(c.best for c in unclear)
    one_seed = summarise(runs(cnf=[1.0], vae=[2.0]))
    assert not any(c.best for c in one_seed)
    assert not any(c.best for c in summarise(runs(cnf=[1.0, 1.1])))  # nobody to be better than


def test_means_over_other_test_examples_are_not_compared() -> None:
    made = runs(ae=[1.0, 1.1, 1.2], cnf=[2.0, 2.1, 2.2], vae=[3.0, 3.1, 3.2])
    for run in made:
        run["nll_examples"] = 100 if run["model"] == "ae" else 2000
    cells = summarise(made)
    assert [(d.best.model, d.other.model) for d in differences(cells, {})] == [("cnf", "vae")]
    assert not any(c.best for c in cells)  # ae might be better than cnf, or not
    (likelihood, *_) = study_tables(cells)
    assert any("different numbers of test examples" in note for note in likelihood.notes)
    assert "test examples" in summary_table(cells).headings
    assert "test examples" not in summary_table(cells[1:]).headings


def bests(cells: list[ModelSummary]) -> dict[tuple[str, str], str]:
    """The verdict on each likelihood of summary.csv."""
    rows = csv.DictReader(io.StringIO(summary_csv(cells)))
    return {(row["model"], row["metric"]): row["best"] for row in rows if row["metric"] in bounded()}


def test_what_was_compared_with_nothing_has_an_empty_verdict() -> None:
    alone = summarise(runs("other", cnf=[7.0, 7.1]))
    metrics = ("nll_nats", "kl_to_truth")
    assert bests(alone) == {(name, metric): "" for name in ("cnf", "oracle") for metric in metrics}
    made = runs(cnf=[1.0], vae=[2.0])
    for run in made:
        run["nll_standard_error"] = None
    unknown = summarise(made)
    assert set(bests(unknown).values()) == {""}
    assert bests(summarise(runs(cnf=[1.0, 1.1], vae=[20.0, 20.1])))["cnf", "nll_nats"] == "True"
    assert not any(
        pair["told_apart"] for pair in csv.DictReader(io.StringIO(differences_csv(differences(unknown, {}))))
    )
    both = summarise(runs(cnf=[1.0, 1.1, 1.2], vae=[2.0, 2.1, 2.2]))
    assert {model: best for (model, metric), best in bests(both).items() if metric == "nll_nats"} == {
        "cnf": "True", "vae": "False", "oracle": "",
    }  # fmt: skip


def test_differences_from_the_best_are_written_with_their_ends() -> None:
    cells = summarise(runs(cnf=[1.0, 1.1, 1.2], vae=[2.0, 2.1, 2.2]) + runs("other", cnf=[7.0]))
    (row,) = csv.DictReader(io.StringIO(differences_csv(differences(cells, {}))))
    assert (row["data"], row["best"], row["model"], row["n"]) == ("toy", "cnf", "vae", "3")
    assert float(row["difference_nats"]) == pytest.approx(1.0)
    # Seeds: 2 * 0.01 / 3 with 4 degrees of freedom; examples: 2 * 0.0004, hardly any more of either.
    half_width = 2.776445 * (2 * 0.01 / 3 + 2 * 0.0004) ** 0.5
    assert float(row["high"]) - float(row["difference_nats"]) == pytest.approx(half_width, rel=0.1)
    assert (row["model_is_bound"], row["slack_nats"], row["told_apart"]) == ("True", "0.05", "True")


def test_a_run_that_is_both_settings_stands_in_the_group_of_each() -> None:
    """Of three folds one chose what the entry comes with; where all did, there is one row."""
    settings = ["default=tuned", "default", "tuned", "default", "tuned"]
    made = runs(vae=[1.0, 2.0, 1.5, 4.0, 2.5])
    for run, setting, seed in zip(made, settings, (0, 1, 1, 2, 2), strict=True):
        run |= {"setting": setting, "seed": seed}
    cells = {one.setting: one for one in summarise(made) if not one.oracle}
    assert cells.keys() == {"default", "tuned"}
    assert cells["default"].by_seed("nll_nats") == {0: 1.0, 1: 2.0, 2: 4.0}
    assert cells["tuned"].by_seed("nll_nats") == {0: 1.0, 1: 1.5, 2: 2.5}
    alike = runs(vae=[1.0, 2.0])
    for run in alike:
        run["setting"] = "default=tuned"
    assert [one.setting for one in summarise(alike) if not one.oracle] == ["default=tuned"]
