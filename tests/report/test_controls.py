"""Tables of sample metrics: controls above the models, and what lies off its floor marked."""

from typing import Any

from bench.report.markup import markdown, tex
from bench.report.ranking import differences
from bench.report.study import Run, validated
from bench.report.summary import summarise
from bench.report.tables import Table, study_tables
from tests.report.synthetic import record

CONTROLS = {
    "recall": 0.95, "recall_floor": 0.95, "recall_floor_sd": 0.01, "recall_copycat": 0.96,
    "authenticity": 0.5, "authenticity_floor": 0.5, "authenticity_floor_sd": 0.03, "authenticity_copycat": 0.0,
    "c2st": 0.6, "c2st_floor": 0.5, "c2st_floor_sd": 0.02, "c2st_copycat": 0.51, "c2st_examples": None,
    "mmd2": 1e-5, "mmd2_floor": 1e-5, "mmd2_floor_sd": 1e-5, "mmd2_copycat": 1e-5,
    "sliced_w2": None, "sliced_w2_floor": None,
}  # fmt: skip


def run(model: str, seed: int = 0, **changes: Any) -> Run:
    return validated(record("toy", model, seed, **(CONTROLS | changes)))


def quality(runs: list[Run]) -> Table:
    return study_tables(summarise(runs))[1]


def rows(table: Table) -> dict[str, dict[str, str]]:
    return {row[1].text: dict(zip(table.headings, [cell.text for cell in row], strict=True)) for row in table.rows}


def test_controls_stand_above_the_models_without_rank() -> None:
    table = quality([run("cnf"), run("vae")])
    assert [row[1].text for row in table.rows] == ["real", "copycat", "cnf", "vae"]
    assert rows(table)["real"]["seeds"] == rows(table)["copycat"]["seeds"] == ""
    assert not any(cell.bold for row in table.rows for cell in row)
    # t at 4 degrees of freedom 2.776, times .01 sqrt(1 + 1/5)
    assert rows(table)["real"]["recall"] == "0.950 ± 0.030"
    assert any("without rank" in note for note in table.notes)


def test_controls_are_in_no_other_table_and_in_no_difference() -> None:
    cells = summarise([run("cnf"), run("vae")])
    others = [table for table in study_tables(cells) if table.name != "quality"]
    assert not any(row[1].text in {"real", "copycat"} for table in others for row in table.rows)
    assert {model.model for pair in differences(cells, {}) for model in (pair.best, pair.other)} == {"cnf", "vae"}


def test_what_lies_off_its_floor_is_marked_and_counted() -> None:
    table = rows(quality([run("cnf", recall=0.91, c2st=0.99), run("vae", c2st=0.5)]))
    assert table["cnf"]["recall"].endswith("↓")
    assert table["cnf"]["C2ST"].endswith("↑")
    assert "↑" not in table["cnf"]["MMD²"] + table["cnf"]["authenticity"]
    assert table["cnf"]["off the floor by"] == "2 of 4: C2ST ↑, recall ↓"
    assert table["vae"]["off the floor by"] == "0 of 4"
    assert table["copycat"]["off the floor by"] == "1 of 4: authenticity ↓"
    assert table["copycat"]["authenticity"] == "0 ↓"


def test_most_seeds_decide_each_by_its_own_floor() -> None:
    seeds = [run("cnf", seed, recall=value) for seed, value in enumerate((0.91, 0.95, 0.91))]
    assert rows(quality(seeds))["cnf"]["recall"].endswith("↓")
    moved = [run("cnf", seed, recall=0.91, recall_floor=0.95 if seed else 0.91) for seed in range(2)]
    assert not rows(quality(moved))["cnf"]["recall"].endswith("↓"), "one of two is not most"


def test_where_c2st_is_at_one_for_all_its_accuracy_orders_nobody() -> None:
    flat = quality([run("cnf", c2st=1.0, c2st_examples=20), run("vae", c2st=0.996, c2st_examples=50)])
    assert any("orders nobody" in note and "toy" in note for note in flat.notes)
    assert [rows(flat)[model]["examples until C2ST leaves its floor"] for model in ("cnf", "vae")] == ["20", "50"]
    told = quality([run("cnf", c2st=1.0), run("vae", c2st=0.9)])
    assert not any("orders nobody" in note for note in told.notes)


def test_a_curve_that_stays_at_its_floor_is_said_and_so_are_some_seeds() -> None:
    heading = "examples until C2ST leaves its floor"
    some = [run("vae", seed, c2st_examples=size) for seed, size in enumerate((100, None))]
    table = rows(quality([run("cnf"), *some, run("maf", c2st_examples=20)]))
    assert table["cnf"][heading] == "never"
    assert table["vae"][heading] == "100 (1 of 2 seeds, others never)"
    assert table["real"][heading] == ""


def test_tables_of_before_controls_have_a_floor_alone() -> None:
    old = {name: None for name in CONTROLS if name.endswith(("_sd", "_copycat"))}
    table = quality([run("cnf", **old)])
    assert [row[1].text for row in table.rows] == ["real", "cnf"]
    assert rows(table)["real"]["recall"] == "0.9500"
    assert "off the floor by" not in table.headings


def test_numbers_of_controls_are_numbers_in_every_format() -> None:
    table = quality([run("cnf", authenticity_copycat=-0.25)])
    assert "-0.25" in markdown([table])
    assert "'-0.25" not in markdown([table])
    assert r"$\downarrow$" in tex([table])
