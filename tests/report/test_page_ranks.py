"""The ranked table: ranks of trained models alone, distances with intervals, failures with their rows."""

from bench.report.page_ranks import Ranked, drawing, ranked
from bench.report.ranking import differences
from tests.report.test_ranking import runs_of, summarised

BEHIND = "behind the best, nats"


def made(*groups) -> Ranked:
    cells, test_sets = summarised(*groups)
    return ranked(cells, differences(cells, test_sets))


def column(table: Ranked, heading: str) -> dict[str, str]:
    place = table.headings.index(heading)
    return {row.model: row.cells[place].text for row in table.rows}


def test_ranks_are_of_trained_models_in_the_order_of_nll() -> None:
    table = made(runs_of("nsf", 2.9), runs_of("gmm", 2.7, matched_to=None, family="reference"), runs_of("maf", 2.5))
    ranks = column(table, "rank")
    assert [model for model in ranks if model != "real"] == ["maf", "gmm", "nsf", "oracle"]
    assert [ranks[model] for model in ("maf", "gmm", "nsf", "oracle", "real")] == ["1", "-", "2", "-", "-"]
    behind = column(table, BEHIND)
    assert behind["maf"] == "best"
    assert 0.35 < float(behind["nsf"].split(" ±")[0]) < 0.45
    place = table.headings.index(BEHIND)
    assert {row.model: row.cells[place].bold for row in table.rows}["nsf"]


def test_equals_are_marked() -> None:
    table = made(runs_of("maf", 2.5), runs_of("nsf", 2.5), runs_of("cnf", 3.5))
    assert sorted(rank for rank in column(table, "rank").values() if rank != "-") == ["1", "2 =", "3"]


def test_a_model_without_a_finished_run_keeps_its_row_without_a_rank() -> None:
    failed = runs_of("odd", 3.0, status="diverged", nll_nats=None)
    table = made(runs_of("maf", 2.5), runs_of("nsf", 2.9), failed)
    row = next(row for row in table.rows if row.model == "odd")
    assert (row.cells[0].text, row.status) == ("-", "3 diverged")
    assert column(table, "seeds")["odd"] == "0/3 (3 diverged)"
    assert len(row.commands) == 3


def test_commands_are_those_of_all_runs_of_the_row() -> None:
    table = made(runs_of("maf", 2.5), runs_of("nsf", 2.9))
    row = next(row for row in table.rows if row.model == "nsf")
    assert row.commands == [f"bench run study=made model=nsf data=toy seed={seed}" for seed in range(3)]


def test_samples_are_of_the_run_that_is_best_on_validation() -> None:
    first, second = runs_of("nsf", 2.9), runs_of("maf", 2.5, bits_per_dim=1.2)
    table = made(first, second, runs_of("odd", 3.0, status="diverged", nll_nats=None))
    draws = {row.model: row.draw for row in table.rows}
    assert draws["maf"].endswith(" -n 1000 --out samples.png")
    assert draws["nsf"].startswith("bench sample toy-nsf-s")
    assert (draws["odd"], draws["oracle"], draws["real"]) == ("", "", "")
    best = summarised(first)[0]
    runs = [run for cell in best for run in cell.runs]
    runs[1]["val_nll_nats"] = -9.0
    assert drawing(best[0]) == f"bench sample {runs[1]['run_id']} -n 1000 --out samples.csv"


def test_where_none_is_first_there_are_no_ranks() -> None:
    untuned = {"setting": "default", "untuned": True, "matched_to": "steps=1"}
    table = made(runs_of("nsf", 2.9, **untuned), runs_of("maf", 2.5, **untuned))
    assert BEHIND not in table.headings
    assert set(column(table, "rank").values()) == {"-"}
    assert [row.model for row in table.rows][:2] == ["maf", "nsf"]


def test_of_several_budgets_the_largest_is_ranked() -> None:
    small, large = {"rung": 0.25, "setting": "tuned"}, {"rung": 1.0, "setting": "tuned"}
    table = made(runs_of("maf", 2.0, **small), runs_of("nsf", 2.1, **small), runs_of("maf", 2.6, **large),
                 runs_of("nsf", 2.5, **large))  # fmt: skip
    assert [row.model for row in table.rows][:2] == ["nsf", "maf"]
    assert "2.6" in column(table, "NLL, nats")["maf"]


def test_cells_stand_below_their_headings() -> None:
    table = made(runs_of("maf", 2.5, tuning_seconds=7.0), runs_of("nsf", 2.9, tuning_seconds=3.0))
    assert {len(row.cells) for row in table.rows} == {len(table.headings)}
    assert column(table, "tuning, s")["nsf"] == "3"
    assert column(table, "family")["maf"] == "flow"
