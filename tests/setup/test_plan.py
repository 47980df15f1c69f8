"""Cells are resolved once: look-ups, compositions and searches are counted; seeds share the rest."""

import shlex
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.record.runs import run_path
from bench.setup import build, choices
from bench.setup.cell import resolve
from bench.setup.compose import compose
from bench.setup.plan import Plan, plan
from tests.helpers import TINY


def silent(line: str) -> None:
    """Takes what a plan says."""


def planned(tmp_path: Path, *words: str, config_dir: Path | None = None) -> Plan:
    return plan([*TINY, f"results_dir={tmp_path}", *words], True, config_dir, silent)


def test_one_class_look_up_a_model_and_one_width_search_for_data_of_a_shape(own_conf, tmp_path, monkeypatch) -> None:
    looked_up, searched, built = Counter[str](), Counter[str](), Counter[str]()
    imported, search, dataset = build.imported, build.matching_width, build.dataset

    def locating(target: str, group: str):
        looked_up[f"{group} {target}"] += group.startswith("model=")
        return imported(target, group)

    def searching(construct, target, tolerance, what):
        searched[what] += 1
        return search(construct, target, tolerance, what)

    def building(config):
        built[str(sorted(config.data.items()))] += 1
        return dataset(config)

    monkeypatch.setattr(build, "imported", locating)
    monkeypatch.setattr(build, "matching_width", searching)
    monkeypatch.setattr(build, "dataset", building)
    rates = "train.optimiser.learning_rate=0.001,0.002"
    words = ["model=affine,linear", "data.noise=0.1,0.2", rates, "seed=0,1,2,3"]
    cells = planned(tmp_path, *words, "budget.tolerance=0.9", config_dir=own_conf).cells
    assert len(cells) == 32
    assert len({cell.run_id for cell in cells}) == 32
    assert {n for what, n in looked_up.items() if what.startswith("model")} == {1}
    assert sum(searched.values()) == 2, "data of either noise are of one shape"
    assert list(built.values()) == [1, 1]


def test_cells_keep_the_order_of_the_grid_and_the_ids_of_runs_alone(own_conf, tmp_path) -> None:
    cells = planned(tmp_path, "seed=1,0", "model=affine", "data.noise=0.1,0.2", config_dir=own_conf).cells
    assert [(cell.config.seed, cell.config.data["noise"]) for cell in cells] == [(1, 0.1), (1, 0.2), (0, 0.1), (0, 0.2)]
    for cell in cells:
        noise = cell.config.data["noise"]
        words = [*TINY, f"results_dir={tmp_path}", "model=affine", f"data.noise={noise}", f"seed={cell.config.seed}"]
        alone = compose(words, own_conf)
        assert resolve(alone).run_id == cell.run_id
        assert alone == cell.config


def test_a_seed_in_the_yaml_is_read_for_each_cell(own_conf, tmp_path) -> None:
    (own_conf / "data").mkdir(exist_ok=True)
    text = "# Noise by seed\n_target_: bench.data.linear_gaussian.linear_gaussian\nname: by_seed\nnoise: ${seed}\n"
    (own_conf / "data" / "by_seed.yaml").write_text(text)
    words = [word for word in TINY if not word.startswith("data=")]
    asked = [*words, f"results_dir={tmp_path}", "model=affine", "data=by_seed", "seed=1,2"]
    cells = plan(asked, True, own_conf, silent).cells
    assert [cell.config.data["noise"] for cell in cells] == [1, 2]


def test_a_cell_that_no_run_could_make_is_named_and_the_others_stay(own_conf, tmp_path) -> None:
    result = planned(tmp_path, "model=affine,unbuildable", "seed=0,1", config_dir=own_conf)
    assert len(result.cells) == 2
    ((words, cells, reason),) = result.refusals
    assert "model=unbuildable" in words
    assert cells == 2
    assert "model=unbuildable cannot be built" in reason


def test_a_thousand_cells_take_seconds(own_conf, tmp_path) -> None:
    planned(tmp_path, "model=affine", config_dir=own_conf)
    began = time.process_time()
    cells = planned(tmp_path, "model=affine,linear", "data.noise=0.1,0.2", "seed=range(250)", config_dir=own_conf).cells
    assert len(cells) == 1000
    assert time.process_time() - began < 5


def test_a_thousand_settings_are_composed_as_often_as_one(own_conf, tmp_path, monkeypatch) -> None:
    """Compositions, copies, searches and data sets are counted, so that a busy machine is none of it."""
    made = Counter[str]()

    def counted(owner: Any, name: str) -> None:
        function = getattr(owner, name)

        def counting(*arguments, **options):
            made[name] += 1
            return function(*arguments, **options)

        monkeypatch.setattr(owner, name, counting)

    counted(choices, "hydra_compose")
    counted(choices.Choice, "copy")
    counted(build, "matching_width")
    counted(build, "dataset")
    planned(tmp_path, "model=affine", "train.optimiser.learning_rate=1e-6", config_dir=own_conf)
    of_one, rates = made.copy(), ",".join(f"{rate}e-6" for rate in range(1, 1001))
    made.clear()
    cells = planned(tmp_path, "model=affine", f"train.optimiser.learning_rate={rates}", config_dir=own_conf).cells
    assert set(of_one) == {"hydra_compose", "copy", "matching_width", "dataset"}
    assert made == of_one
    assert [cell.config.train.optimiser.learning_rate for cell in cells] == [float(rate) for rate in rates.split(",")]
    assert len({cell.run_id for cell in cells}) == 1000


def test_a_large_grid_says_that_it_is_being_planned(own_conf, tmp_path) -> None:
    lines: list[str] = []
    plan([*TINY, f"results_dir={tmp_path}", "model=affine", "seed=range(100)"], True, own_conf, lines.append)
    assert lines == ["planning 100 runs"]


def test_a_hundred_thousand_seeds_are_planned_in_seconds(own_conf, tmp_path) -> None:
    began = time.process_time()
    cells = planned(tmp_path, "model=affine", "seed=range(100000)", config_dir=own_conf).cells
    assert len(cells) == 100_000
    assert cells[-1].run_id.startswith("linear_gaussian-affine-s99999-")
    assert time.process_time() - began < 60, "6 alone; a composition for each would take a thousand"


def test_a_mistake_in_the_command_itself_is_an_error(tmp_path) -> None:
    with pytest.raises(BenchError, match="one study at a time"):
        planned(tmp_path, "study=quick,toys")


def test_a_second_word_about_the_seed_is_not_shared(own_conf, tmp_path) -> None:
    asked = ["grid=[{seed:[0,1]}]", "model=affine", "++seed=3"]
    assert {cell.config.seed for cell in planned(tmp_path, *asked, config_dir=own_conf).cells} == {3}


def test_a_group_that_is_set_whole_keeps_its_place_among_the_words() -> None:
    assert compose(["train.batch_size=4", "train={batch_size:3}"]).train.batch_size == 3
    assert compose(["train={batch_size:3}", "train.batch_size=4"]).train.batch_size == 4


def test_an_option_that_only_other_models_have_does_not_refuse_one_that_does_not_apply(own_conf, tmp_path) -> None:
    words = [word for word in TINY if not word.startswith(("data", "budget.parameters"))]
    asked = [*words, f"results_dir={tmp_path}", "model=realnvp,vae", "data=digits_binary", "model.beta=1"]
    result = plan([*asked, "budget.parameters=null"], True, None, silent)
    assert not result.refusals
    assert [cell.refusal is None for cell in result.cells] == [False, True]


BOTH_STUDY = """# @package _global_
study: both
defaults:
  - override /tune: "yes"
grid:
  - model: [affine]
    seed: [0, 1]
  - model: [linear]
    tune.settings: [[default]]
    budget.tolerance: [0.9]
    seed: [0]
"""


@pytest.fixture
def both_conf(own_conf: Path) -> Path:
    """Configurations with a study that asks for both settings, and of one product for one of them."""
    (own_conf / "study").mkdir(exist_ok=True)
    (own_conf / "study" / "both.yaml").write_text(BOTH_STUDY)
    return own_conf


def test_a_study_asks_for_both_settings_and_each_command_makes_one_row(both_conf, tmp_path) -> None:
    plan_of = planned(tmp_path, "study=both", config_dir=both_conf)
    assert [(cell.config.model["name"], cell.config.seed) for cell in plan_of.cells] == [
        ("affine", 0), ("affine", 1), ("linear", 0),
    ]  # fmt: skip
    assert [[seed for _, seed in one.cells] for one in plan_of.untuned] == [[0, 1]]
    for cell in plan_of.cells:
        words = shlex.split(cell.command)[4:]
        (again,) = plan([*words, f"results_dir={tmp_path}"], False, both_conf, silent).cells
        assert again.run_id == cell.run_id
        assert plan([*words, f"results_dir={tmp_path}"], False, both_conf, silent).untuned == []


def test_a_command_makes_one_row_of_a_study_whose_grid_asks_for_both_settings(tmp_path) -> None:
    """quick lists its tuned entries and those that come as they are; a cell as it comes is in both lists."""
    words = ["study=quick", "tune=yes", "data=digits", "model=vae,gaussian", "seed=0", f"results_dir={tmp_path}"]
    cells = plan(words, True, None, silent).cells
    assert [cell.config.model["name"] for cell in cells] == ["vae", "gaussian"]
    for cell in cells:
        again = plan([*shlex.split(cell.command)[2:], f"results_dir={tmp_path}"], False, None, silent)
        assert [one.run_id for one in again.cells] == [cell.run_id]
        assert again.untuned == []


def test_a_study_is_made_as_it_comes_on_demand(both_conf, tmp_path) -> None:
    assert planned(tmp_path, "study=both", "tune=no", config_dir=both_conf).untuned == []
    tuned = planned(tmp_path, "study=both", "model=affine", "tune.settings=[tuned]", config_dir=both_conf)
    assert tuned.cells == []
    assert tuned.untuned[0].cells[0][1] == 0


def test_the_command_of_a_tuned_row_asks_for_no_trials(own_conf, tmp_path) -> None:
    words = ["model=affine", "tune=yes", "tune.setting=tuned", "train.optimiser.learning_rate=0.1", "seed=0"]
    made = planned(tmp_path, *words, config_dir=own_conf)
    assert made.untuned == []
    (cell,) = made.cells
    assert "tune=yes" not in cell.command
    assert "tune.setting=tuned" in cell.command


def test_setting_and_declaration_are_in_no_key_and_a_rate_of_the_yaml_is(own_conf, tmp_path) -> None:
    """The constructor receives nothing of `tuning`."""
    ids = {}
    for name, words in {
        "plain": [],
        "tuned": ["tune.setting=tuned"],
        "knob": ["model.tuning={knob:{width:[1,2]}}"],
        "rate": ["model.tuning.learning_rate=0.005"],
        "same": ["train.optimiser.learning_rate=0.005"],
        "both": ["model.tuning.learning_rate=0.02", "train.optimiser.learning_rate=0.005"],
    }.items():
        (cell,) = planned(tmp_path, "model=affine", *words, config_dir=own_conf).cells
        ids[name] = cell.run_id
        assert "tuning" not in cell.options
    assert ids["plain"] == ids["tuned"] == ids["knob"]
    assert ids["rate"] == ids["same"] == ids["both"] != ids["plain"]


def test_a_trial_lies_in_the_folder_of_its_study_and_has_no_evaluation(own_conf, tmp_path) -> None:
    (cell,) = planned(tmp_path, "model=affine", "tune.setting=trial", config_dir=own_conf).cells
    assert cell.folder.path == run_path(tmp_path / "scratch" / "tuning" / "runs", cell.run_id)
    (other,) = planned(tmp_path, "model=affine", "tune.setting=trial", "eval.trees=7", config_dir=own_conf).cells
    (run,) = planned(tmp_path, "model=affine", config_dir=own_conf).cells
    assert (cell.run_id, cell.evaluation) == (other.run_id, other.evaluation)
    assert cell.run_id == run.run_id
    assert cell.evaluation != run.evaluation


def test_a_fitted_entry_has_no_trials_and_a_wrong_knob_is_refused_before_any(own_conf, tmp_path) -> None:
    assert planned(tmp_path, "model=gaussian", "tune.setting=trial").cells == []
    for knob, named in {
        "shap": "unknown option 'shap'",
        "train.optimiser.decay": "there is no option train.optimiser.decay",
    }.items():
        words = ["model=affine", "tune.setting=trial", f"model.tuning={{knob:{{{knob}:[1,2]}}}}"]
        (refusal,) = planned(tmp_path, *words, config_dir=own_conf).refusals
        assert named in refusal.reason
