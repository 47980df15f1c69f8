"""Stages of tuning, with trials that cost nothing: each one's loss is a function of its words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bench.cells.order import Order, Setting
from bench.cells.planning import Orders, Refused, Untuned
from bench.config import BOTH
from bench.errors import BenchError
from bench.record.store import RunFolder
from bench.trials.trials import Trials
from bench.trials.tune import Tuning, planned_tuned, rungs_made, together, tuned
from bench.tuning import file
from bench.tuning.choice import Choice
from bench.tuning.file import CHOSEN, OTHER_CODE, OTHER_DATA, OTHER_PLAN
from bench.tuning.space import RATE, beside, rates

Loss = Callable[[dict[str, str]], float | str]
"""The validation value of a trial with these words, or the status that it ends with."""

GRID = rates()


def near(rate: float) -> Loss:
    """A loss that is lowest at a rate."""
    return lambda words: abs(float(words[RATE]) / rate - 1)


@dataclass
class Fake:
    """Plans and runs trials in no time.

    Attributes:
        fitted: models that have no trials.
        code: hash of the user's code.
        runs: words of the trials that were run.
    """

    folder: Path
    loss: Loss = field(default_factory=lambda: near(GRID[2]))
    fitted: tuple[str, ...] = ()
    code: str = "a"
    refused: str = ""
    runs: list[dict[str, str]] = field(default_factory=list)

    def untuned(self, *cells: str, **config: Any) -> list[Untuned]:
        """Cells such as `moons flow 0`: data, model and seed."""
        return [self.cell(*cell.split(), **config) for cell in cells]

    def cell(self, data: str, model: str, seed: str, **config: Any) -> Untuned:
        plain = {
            "data": {"name": data} | config.get("of_data", {}),
            "model": {"name": model, "gain": 1.0},
            "budget": {"rung": 1.0, "ladder": [1 / 16, 0.25, 1.0], "timeout_seconds": None},
            "train": {"optimiser": {"learning_rate": 0.002}},
            "tune": {"data": config.get("on"), "seed": 1000, "knob": config.get("knob"), "setting": "default"},
            "results_dir": str(self.folder.parent),
            "study": self.folder.name,
        }
        return Untuned(plain, [([f"data={data}", f"model={model}", f"seed={seed}"], int(seed))])

    def plan(self, listed: list[list[str]]) -> Orders:
        if self.refused:
            return Orders(refusals=[Refused("data=moons", 1, self.refused)])
        orders = Orders()
        for number, words in enumerate(listed):
            known = dict(word.split("=", 1) for word in words)
            if known["model"] in self.fitted and known["tune.setting"] == "trial":
                continue
            place = {"study": "tuning", "data": known["data"], "model": known["model"]}
            own = {name: value for name, value in known.items() if name not in ("seed", "tune.setting")}
            if own.get(RATE) == "0.002":
                own.pop(RATE)  # the default stands in no key
            config = {"results_dir": str(self.folder), "study": "tuning", "tune": {"setting": known["tune.setting"]}}
            setting = Setting(config, place, {"words": own, "source": {"mine": self.code}}, {"eval": "none"})
            orders.cells.append(Order(setting, int(known["seed"]), number, " ".join(words)))
        return orders

    def run(self, orders: list[Order]) -> None:
        for order in orders:
            words = dict(word.split("=", 1) for word in order.command.split())
            self.runs.append(words)
            value = self.loss(words)
            status = value if isinstance(value, str) else "ok"
            record = {**order.identity(), "status": status, "train_seconds": 1.0, "steps": 5, "selected_by": "loss"}
            record |= {} if isinstance(value, str) else {"validation": value}
            RunFolder(order.folder.path).write_record(record)

    def trials(self) -> Trials:
        return Trials(self.folder, self.plan, self.run)


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path / "study")


def rates_of(runs: Sequence[dict[str, str]], model: str) -> list[float]:
    return [float(words[RATE]) for words in runs if words["model"] == model]


def the(tuning: Tuning, model: str, data: str = "moons") -> Choice:
    (choice,) = [one for subject, one in tuning.choices.items() if (subject[0], subject[2]) == (data, model)]
    return choice


def test_six_rates_and_two_beside_the_best(fake: Fake) -> None:
    tuning = tuned(fake.untuned("moons flow 0", "moons flow 1"), fake.trials())
    made = rates_of(fake.runs, "flow")
    assert made[:6] == GRID
    assert sorted(made[6:]) == [0.00199, 0.00499]
    assert the(tuning, "flow") == Choice(GRID[2])
    assert tuning.said == []
    assert {(words["seed"], words["budget.rung"], words["tune.setting"]) for words in fake.runs} == {
        ("1000", "0.25", "trial")
    }


def test_two_values_of_the_knob_at_the_best_rate(fake: Fake) -> None:
    fake.loss = lambda words: near(GRID[2])(words) - float(words.get("model.gain", "1"))
    tuning = tuned(fake.untuned("moons flow 0", knob={"gain": [1.0, 2.0, 4.0]}), fake.trials())
    assert [(float(words[RATE]), words["model.gain"]) for words in fake.runs[6:]] == [
        (GRID[2], "2.0"),
        (GRID[2], "4.0"),
    ]
    assert the(tuning, "flow") == Choice(GRID[2], "gain", "4.0")


def test_what_a_knob_leaves_over_goes_to_the_better_side(fake: Fake) -> None:
    fake.loss = lambda words: near(0.004)(words) + ("model.gain" in words)
    tuning = tuned(fake.untuned("moons flow 0", knob={"gain": [1.0, 2.0]}), fake.trials())
    *_, knob, other = fake.runs
    assert knob["model.gain"] == "2.0"
    assert "model.gain" not in other
    assert float(other[RATE]) == 0.00199  # |0.00126 / 0.004 - 1| is below that of 0.00792
    assert the(tuning, "flow").knob == ""


def test_a_best_rate_at_an_end_widens_the_grid_once_for_all(fake: Fake) -> None:
    fake.loss = lambda words: near(1.0 if words["model"] == "fast" else GRID[2])(words)
    tuning = tuned(fake.untuned("moons flow 0", "moons fast 0"), fake.trials())
    wide = rates(above=True)
    for model in ("flow", "fast"):
        assert set(wide) <= set(rates_of(fake.runs, model))
        assert len(rates_of(fake.runs, model)) == 9
    assert tuning.said == ["moons fast: its best rate, 0.126, is still an end of the grid"]


def test_an_entry_added_later_gets_the_grid_as_wide_as_it_is(fake: Fake) -> None:
    fake.loss = near(1.0)
    tuned(fake.untuned("moons fast 0"), fake.trials())
    fake.loss = near(GRID[2])
    tuned(fake.untuned("moons flow 0"), fake.trials())
    assert len(rates_of(fake.runs, "flow")) == 9


def test_finished_trials_are_not_run_again(fake: Fake) -> None:
    tuned(fake.untuned("moons flow 0"), fake.trials())
    first = (fake.folder / file.FILE).read_bytes()
    fake.runs.clear()
    again = tuned(fake.untuned("moons flow 0"), fake.trials())
    assert fake.runs == []
    assert (fake.folder / file.FILE).read_bytes() == first
    assert the(again, "flow") == Choice(GRID[2])


def test_a_diverged_trial_counts_and_is_never_chosen(fake: Fake) -> None:
    fake.loss = lambda words: "diverged" if float(words[RATE]) > 0.004 else near(GRID[4])(words)
    tuning = tuned(fake.untuned("moons flow 0"), fake.trials())
    assert the(tuning, "flow").learning_rate < 0.004
    rows = file.read(fake.folder)
    assert len(rows) == 8
    assert {row.status for row in rows if row.learning_rate > 0.004} == {"diverged"}
    assert tuning.said == []


def test_fewer_trials_than_asked_are_said_and_made_by_the_next_command(fake: Fake) -> None:
    fake.loss = lambda words: "failed" if float(words[RATE]) == GRID[5] else near(GRID[2])(words)
    (line,) = tuned(fake.untuned("moons flow 0"), fake.trials()).said
    assert "moons flow: 7 of 8 trials (1 failed)" in line
    fake.loss = near(GRID[2])
    fake.runs.clear()
    assert tuned(fake.untuned("moons flow 0"), fake.trials()).said == []
    assert rates_of(fake.runs, "flow") == [GRID[5]]


def test_an_entry_without_a_good_trial_is_said_and_has_no_tuned_cells(fake: Fake) -> None:
    fake.loss = lambda words: "diverged" if words["model"] == "bad" else near(GRID[2])(words)
    cells = fake.untuned("moons bad 0", "moons flow 0")
    tuning = tuned(cells, fake.trials())
    assert any("moons bad: none of its 6 trials ended ok" in line for line in tuning.said)
    orders = planned_tuned(cells, tuning, set(), fake.plan)
    assert [order.setting.place["model"] for order in orders.cells] == ["flow"]


def test_trials_of_other_code_are_marked_and_not_used(fake: Fake) -> None:
    fake.loss = near(GRID[4])
    tuned(fake.untuned("moons flow 0"), fake.trials())
    fake.code, fake.loss = "b", near(GRID[1])
    tuning = tuned(fake.untuned("moons flow 0"), fake.trials())
    assert the(tuning, "flow") == Choice(GRID[1])
    rows = file.read(fake.folder)
    assert [row.mark for row in rows].count(OTHER_CODE) == 8
    assert [row.mark for row in rows].count(CHOSEN) == 1


def test_trials_of_another_plan_are_marked_and_not_used(fake: Fake) -> None:
    tuned(fake.untuned("moons flow 0"), fake.trials())
    cells = fake.untuned("moons flow 0")
    cells[0].config["budget"]["ladder"] = [0.5]
    cells[0].config["budget"]["rung"] = 0.5
    tuned(cells, fake.trials())
    marks = [row.mark for row in file.read(fake.folder) if row.rung == 0.25]
    assert marks == [OTHER_PLAN] * 8


def test_data_that_the_study_does_not_name_are_marked_and_take_the_median(fake: Fake) -> None:
    tuned(fake.untuned("rings flow 0"), fake.trials())
    fake.runs.clear()
    cells = fake.untuned("moons flow 0", "rings flow 0", on=["moons"])
    fake.loss = near(GRID[4])
    tuning = tuned(cells, fake.trials())
    assert {words["data"] for words in fake.runs} == {"moons"}
    assert the(tuning, "flow", "rings") == the(tuning, "flow", "moons") == Choice(GRID[4])
    assert {row.mark for row in file.read(fake.folder) if row.data == "rings"} == {OTHER_DATA}


def test_other_data_take_what_was_chosen_before_and_say_where_nothing_was(fake: Fake) -> None:
    with pytest.raises(BenchError, match="the study tunes on moons, where this entry has no trials"):
        tuned(fake.untuned("rings flow 0", on=["moons"]), fake.trials())
    tuned(fake.untuned("moons flow 0", on=["moons"]), fake.trials())
    tuning = tuned(fake.untuned("rings flow 0", on=["moons"]), fake.trials())
    assert the(tuning, "flow", "rings") == Choice(GRID[2])


def test_trials_of_other_code_choose_nothing_for_other_data(fake: Fake) -> None:
    tuned(fake.untuned("moons flow 0"), fake.trials())
    fake.code = "b"
    with pytest.raises(BenchError, match="has no trials"):
        tuned(fake.untuned("rings flow 0", on=["moons"]), fake.trials())
    fake.code = "a"
    assert the(tuned(fake.untuned("rings flow 0", on=["moons"]), fake.trials()), "flow", "rings") == Choice(GRID[2])


def test_a_fitted_entry_has_no_trials_and_is_as_it_comes(fake: Fake) -> None:
    fake.fitted = ("floor",)
    cells = fake.untuned("moons floor 0", "moons flow 0")
    tuning = tuned(cells, fake.trials())
    assert {words["model"] for words in fake.runs} == {"flow"}
    orders = planned_tuned(cells, tuning, set(), fake.plan).cells
    assert {order.setting.place["model"]: order.setting.place.get("setting") for order in orders}["floor"] == BOTH


def test_a_choice_of_what_the_entry_comes_with_is_one_run_of_both_settings(fake: Fake) -> None:
    cells = fake.untuned("moons flow 0", "moons other 0")
    tuning = tuned(cells, fake.trials())
    (subject,) = [one for one in tuning.choices if one[2] == "flow"]
    tuning.choices[subject] = Choice(0.002)
    default = fake.plan(
        [["data=moons", f"model={name}", "seed=0", "tune.setting=default"] for name in ("flow", "other")]
    )
    ids = {order.run_id for order in default.cells}
    alone = planned_tuned(cells, tuning, set(), fake.plan).cells
    assert {order.setting.place.get("setting") for order in alone} == {None}, "no default run was asked for"
    cells_of_both = together(default.cells, planned_tuned(cells, tuning, ids, fake.plan).cells)
    settings = [(order.setting.place["model"], order.setting.place.get("setting")) for order in cells_of_both]
    assert settings == [("flow", BOTH), ("other", None), ("other", None)]
    assert [order.number for order in cells_of_both] == [0, 1, 2]
    assert cells_of_both[0].command == default.cells[0].command


def test_a_run_that_is_evaluated_twice_is_there_for_each_evaluation(fake: Fake) -> None:
    """Weights of one run, a bound of two estimators: study latent asks for both, and once lost the second."""
    (order,) = fake.plan([["data=moons", "model=flow", "seed=0", "tune.setting=tuned"]]).cells
    other = replace(order, setting=replace(order.setting, evaluation={"eval": "ais"}), number=1)
    assert other.run_id == order.run_id
    assert other.evaluation != order.evaluation
    assert [one.evaluation for one in together([], [order, other, order])] == [order.evaluation, other.evaluation]


def test_each_fold_is_tuned_with_a_seed_of_its_own(fake: Fake) -> None:
    fake.loss = lambda words: near(GRID[1 + int(words["data.fold"])])(words)
    cells = fake.untuned("digits flow 0", "digits flow 1", "digits flow 6", of_data={"fold": None})
    tuning = tuned(cells, fake.trials())
    assert {(words["data.fold"], words["seed"]) for words in fake.runs} == {("0", "1000"), ("1", "1001")}
    assert len(fake.runs) == 16
    chosen = {subject[1]: choice.learning_rate for subject, choice in tuning.choices.items()}
    assert chosen == {0: GRID[1], 1: GRID[2]}
    words = [order.command.split() for order in planned_tuned(cells, tuning, set(), fake.plan).cells]
    assert [next(word for word in own if RATE in word) for own in words] == [
        f"{RATE}={GRID[1]}",
        f"{RATE}={GRID[2]}",
        f"{RATE}={GRID[2]}",
    ]


def test_a_final_run_has_no_seed_of_a_trial(fake: Fake) -> None:
    with pytest.raises(BenchError, match=r"tune\.seed"):
        tuned(fake.untuned("moons flow 1000"), fake.trials())


def test_a_grid_that_varies_what_trials_choose_is_refused(fake: Fake) -> None:
    cells = fake.untuned("moons flow 0", "moons flow 1")
    cells[1].config["train"]["optimiser"]["learning_rate"] = 0.1
    with pytest.raises(BenchError, match="several values of the learning rate"):
        tuned(cells, fake.trials())


def test_a_trial_that_cannot_be_planned_ends_the_command(fake: Fake) -> None:
    fake.refused = "unknown option"
    with pytest.raises(BenchError, match="unknown option"):
        tuned(fake.untuned("moons flow 0"), fake.trials())


def test_nothing_is_made_dry(fake: Fake) -> None:
    trials = replace(fake.trials(), dry=True)
    tuned(fake.untuned("moons flow 0"), trials)
    assert trials.missing == 6
    assert fake.runs == []
    assert not fake.folder.exists()


def test_the_grid_is_made_at_every_rung(fake: Fake) -> None:
    trials = fake.trials()
    tuning = tuned(fake.untuned("moons flow 0"), trials)
    before = len(fake.runs)
    rungs_made(tuning, trials)
    others = fake.runs[before:]
    assert {words["budget.rung"] for words in others} == {"0.0625", "1.0"}
    assert len(others) == 12
    assert [row.mark for row in file.read(fake.folder)].count(CHOSEN) == 1
    tuned(fake.untuned("moons flow 0"), fake.trials())
    assert {row.mark for row in file.read(fake.folder)} == {"", CHOSEN}
    fake.code = "b"
    tuned(fake.untuned("moons flow 0"), fake.trials())
    assert [row.mark for row in file.read(fake.folder)].count(OTHER_CODE) == 20


def test_other_rungs_have_the_knob_that_was_chosen(fake: Fake) -> None:
    fake.loss = lambda words: near(GRID[2])(words) - float(words.get("model.gain", "1"))
    trials = fake.trials()
    tuning = tuned(fake.untuned("moons flow 0", knob={"gain": [1.0, 2.0, 4.0]}), trials)
    before = len(fake.runs)
    rungs_made(tuning, trials)
    assert {words["model.gain"] for words in fake.runs[before:]} == {"4.0"}
    assert len(fake.runs[before:]) == 2 * len(GRID)


def test_other_rungs_have_the_chosen_rate_where_it_lies_between_those_of_the_grid(fake: Fake) -> None:
    fake.loss = near(beside(GRID[2], GRID)[0])
    trials = fake.trials()
    tuning = tuned(fake.untuned("moons flow 0"), trials)
    before = len(fake.runs)
    rungs_made(tuning, trials)
    made = {float(words[RATE]) for words in fake.runs[before:]}
    assert made == {*GRID, the(tuning, "flow").learning_rate}
    assert len(made) == len(GRID) + 1
