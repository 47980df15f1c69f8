from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.record.runs import run_path
from bench.report.collect import collect
from bench.report.plots_tuning import expected, mean_curves
from bench.report.run_settings import with_tuning
from bench.report.study import Study, load, validated
from bench.report.tuning import tuning_tables, written
from bench.tuning import file
from bench.tuning.expected import expected_best
from bench.tuning.file import CHOSEN, OTHER_CODE, Trial
from bench.tuning.space import RATE, rates
from tests.report.synthetic import record, write_run
from tests.tuning.helpers import trial

GRID = rates()


def whole(model: str, best: int, **changes: Any) -> list[Trial]:
    """The eight trials of an entry; that of the grid's rate number `best` is chosen."""
    made = [trial(rate, 2.0 + abs(n - best), model=model, **changes) for n, rate in enumerate(GRID)]
    made[best] = made[best].marked(CHOSEN)
    return [*made, *(trial(GRID[best], 5.0 + n, model=model, knob="gain", value=f"{n}.0", **changes) for n in (2, 4))]


def text(table: Any) -> str:
    return "\n".join("|".join(cell.text for cell in row) for row in table.rows)


def test_rates_by_entries_with_the_chosen_in_bold() -> None:
    (table,) = tuning_tables([*whole("flow", 2), *whole("vae", 4)])
    assert table.headings[2:8] == ["0.0005", "0.00126", "0.00315", "0.00792", "0.0199", "0.05"]
    assert [cell.text for cell in table.rows[0]] == [
        "moons", "flow", "4", "3", "2", "3", "4", "5", "gain=2.0: 7", "gain=4.0: 9", "0.00315", "8", "16",
    ]  # fmt: skip
    bold = [[table.headings[n] for n, cell in enumerate(row) if cell.bold] for row in table.rows]
    assert bold == [["0.00315"], ["0.0199"]]
    assert len(table.notes) == 1


def test_what_a_reader_must_know_stands_below() -> None:
    rows = [*whole("flow", 5), *whole("vae", 2)[:-1], *(one.marked(OTHER_CODE) for one in whole("old", 1))]
    rows[0] = trial(GRID[0], None, status="diverged", model="flow")
    rows += [trial(rate, None, status="diverged", model="bad") for rate in GRID]
    (table,) = tuning_tables(rows)
    notes = " ".join(table.notes)
    assert "8 trials of other code, data or options are not used" in notes
    assert "moons flow: its best rate, 0.05, is an end of the grid." in notes
    assert "moons vae: 7 of 8 trials" in notes
    assert "moons bad: no trial ended ok" in notes
    assert "old" not in text(table)
    assert "diverged" in text(table)


def test_a_wider_grid_has_a_column_more_and_values_that_are_no_nats_say_so() -> None:
    wide = rates(above=True)[-1]
    rows = [*whole("flow", 2), trial(wide, 9.0, model="flow"), *whole("gan", 3, validated_by="mmd2")]
    (table,) = tuning_tables(rows)
    assert table.headings[8] == "0.126"
    assert "3 mmd2" in text(table).splitlines()[1]
    assert any("moons gan: 8 of 9 trials" in note for note in table.notes)


def test_a_rate_that_does_not_serve_a_rung_is_said() -> None:
    low = [trial(rate, abs(n - 2) / 20, model="flow", rung=1.0, run_id=f"a{n}") for n, rate in enumerate(GRID)]
    high = [trial(rate, abs(n - 4.0), model="flow", rung=0.0625, run_id=f"b{n}") for n, rate in enumerate(GRID)]
    _, table = tuning_tables([*whole("flow", 2), *low, *high])
    assert text(table) == "moons flow|0.0199 (2.00)|0.00315 (0.00)|0.00315 (0.00)"
    assert "moons flow: at rung 0.0625 0.00315 loses 2.00 nats to 0.0199, more than 0.1." in table.notes
    _, table = tuning_tables([*whole("flow", 2), *low])
    assert "No loss is above 0.1 nats." in table.notes[0]


def test_rungs_are_compared_with_the_knob_that_was_chosen() -> None:
    middle = [*whole("flow", 2)]
    middle[2] = middle[2].marked("")
    middle[-1] = replace(middle[-1], validation=1.0).marked(CHOSEN)  # gain=4.0 at the grid's third rate
    plain = [trial(rate, abs(n - 5.0), model="flow", rung=1.0, run_id=f"a{n}") for n, rate in enumerate(GRID)]
    alike = [replace(one, knob="gain", value="4.0", validation=abs(n - 3.0)) for n, one in enumerate(plain)]
    _, table = tuning_tables([*middle, *plain, *alike])
    assert text(table) == f"moons flow|{GRID[2]:g} (0.00)|{GRID[3]:g} (1.00)"


def test_the_table_is_written_beside_the_trials(tmp_path: Path) -> None:
    file.write(tmp_path, whole("flow", 2))
    lines = written(tmp_path)
    assert any("*2*" in line for line in lines)
    assert "**2**" in (tmp_path / "tuning.md").read_text()


def test_names_of_strangers_are_harmless_in_the_table(tmp_path: Path) -> None:
    file.write(tmp_path, [trial(0.001, model="a|b<script>")])
    written(tmp_path)
    assert "a|b" not in (tmp_path / "tuning.md").read_text()


def run(seed: int, model: str = "flow", **changes: Any) -> dict[str, Any]:
    about = {"learning_rate": 0.002, "knob": "gain=1.0", "setting": "default"}
    return validated(record("moons", model, seed, **(about | changes)))


def test_tuned_rows_get_the_seconds_of_their_trials_and_both_settings_are_met() -> None:
    runs = [
        run(0),
        run(0, setting="tuned", learning_rate=GRID[2], command=f"bench run data=moons model=flow {RATE}={GRID[2]}"),
        run(1, learning_rate=GRID[2]),
        run(2, learning_rate=GRID[2], model="other"),
    ]
    with_tuning(runs, whole("flow", 2))
    assert [(one["setting"], one.get("tuning_seconds")) for one in runs] == [
        ("default", None), ("tuned", 16.0), ("default=tuned", 16.0), ("default", None),
    ]  # fmt: skip


def test_folds_that_chose_differently_are_one_model(tmp_path: Path) -> None:
    """Each fold has its own rate and knob; neither tells rows apart, nor does a stored row from a new one."""
    rows = []
    for seed in (0, 1, 2):
        for setting, rate in (("default", 0.002), ("tuned", GRID[1 + seed])):
            own = run(seed, setting=setting, learning_rate=rate, knob=f"gain={seed + 1.0}", rung=1.0)
            own["run_id"] = f"moons-flow-s{seed}-{setting}"
            own["command"] += f" tune.setting=tuned {RATE}={rate} model.gain={seed + 1.0}" if setting == "tuned" else ""
            model = {"gain": seed + 1.0 if setting == "tuned" else 1.0}
            rows.append((own, {"model": model, "train": {"optimiser": {"learning_rate": rate}}}))
    for own, settings in rows[:4]:
        write_run(tmp_path, {name: value for name, value in own.items() if value is not None}, **settings)
    collect(tmp_path)
    for own, _ in rows[:4]:
        folder = run_path(tmp_path / "runs", own["run_id"])
        folder.rename(tmp_path / own["run_id"])
    for own, settings in rows[4:]:
        write_run(tmp_path, {name: value for name, value in own.items() if value is not None}, **settings)
    collect(tmp_path)
    read = load(tmp_path).runs
    assert len(read) == 6
    assert {one["variant"] for one in read} == {None}


def study(trials: list[Trial]) -> Study:
    return Study("made", [], {}, {}, {}, trials=trials)


def test_the_plot_is_the_closed_form_in_nats_over_folds() -> None:
    folds = [*whole("flow", 2, fold=0), *whole("flow", 4, fold=1)]
    curves = mean_curves([*folds, *whole("gan", 1, validated_by="mmd2")], "moons")
    assert list(curves) == ["flow"]
    of_folds = [dict(expected_best([one.validation for one in folds if one.fold == fold])) for fold in (0, 1)]
    assert curves["flow"] == {k: (of_folds[0][k] + of_folds[1][k]) / 2 for k in range(1, 9)}
    plot = expected(study(folds), "moons", {})
    assert plot is not None
    assert plot.name == "tuning-moons"
    assert "flow" in plot.alt
    assert expected(study(folds), "rings", {}) is None
    assert expected(study([trial(0.001, None, status="diverged")]), "moons", {}) is None
