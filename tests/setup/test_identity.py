"""The content of the keys: of what came in, without defaults, without what the bench computed."""

import json
from dataclasses import dataclass, field, replace

import pytest
import torch

from bench.config import Budget
from bench.record.key import configuration_key
from bench.setup import cell as cell_module
from bench.setup.cell import Cell, resolve
from bench.setup.compose import compose
from bench.setup.identity import changed, without_defaults
from tests.helpers import tiny


def cell(*words: str) -> Cell:
    return resolve(compose(["model=vae", "data=digits", *words]))


def test_options_at_their_default_are_not_in_it() -> None:
    content = cell().key.content
    assert content["model"] == content["budget"] == {}
    assert content["train"] == {"optimiser": {"learning_rate": 0.01}}  # of the model's YAML
    assert cell("model.beta=1", "budget.steps=2000", "train.optimiser.clip_norm=10").run_id == cell().run_id
    assert cell("model.beta=2").key.content["model"] == {"beta": 2.0}


def test_a_new_option_with_a_default_leaves_every_id_as_it_was() -> None:
    @dataclass
    class Longer(Budget):
        rest: float = 0.5
        more: list[int] = field(default_factory=list)

    assert changed(Longer(steps=7), "budget") == changed(Budget(steps=7), "budget") == {"steps": 7}
    assert changed(Longer(rest=1.0), "budget") == {"rest": 1.0}
    assert without_defaults({"a": 1, "b": (2, 3)}, lambda a, b=[2, 3], c=4: None) == {"a": 1}


def test_what_the_bench_computes_is_not_in_it() -> None:
    one, other = cell("model.width=7"), cell("model.width=900")
    assert one.width == other.width
    assert one.run_id == other.run_id
    as_given = cell("model.width=7", "budget.parameters=null")
    assert as_given.key.content["model"] == {"width": 7}
    assert "shift" not in json.dumps(one.key.content)


@pytest.mark.parametrize(
    "words", [["threads=1"], ["threads=4"], ["compile=step"], ["pack=seeds"], ["results_dir=elsewhere"]]
)
def test_where_and_how_a_run_is_made_is_not_in_it(words: list[str]) -> None:
    assert cell(*words, "grid=[]").key.content == cell().key.content


def test_an_evaluation_has_a_key_of_its_own_above_the_runs() -> None:
    plain, many = cell(), cell("eval.importance_samples=50")
    assert plain.run_id == many.run_id
    assert plain.key.evaluation_hash(0) != many.key.evaluation_hash(0)
    assert plain.key.evaluation_hash(0) != plain.key.evaluation_hash(1)
    assert cell("eval.importance_samples=1000").key.evaluation_hash(0) == plain.key.evaluation_hash(0)


def test_an_evaluation_counts_the_classifiers_of_features_by_their_content(monkeypatch) -> None:
    plain = cell()
    monkeypatch.setattr(cell_module, "hash_of_all", lambda dataset: "another")
    other = cell()
    assert plain.run_id == other.run_id
    assert plain.key.evaluation_hash(0) != other.key.evaluation_hash(0)
    monkeypatch.setattr(cell_module, "hash_of_all", lambda dataset: None)
    assert cell("data=moons").key.evaluation == {k: v for k, v in other.key.evaluation.items() if k != "features"}


def test_a_class_of_the_projects_counts_by_its_name_and_version(monkeypatch) -> None:
    first = cell()
    assert first.key.content["entry"] == "VAE"
    assert "bench." not in json.dumps(first.key.content)
    monkeypatch.setattr(first.entry_class, "version", first.entry_class.version + 1)
    assert cell().run_id != first.run_id


def test_the_columns_of_a_row_show_the_parts_of_its_key(own_conf) -> None:
    identity = resolve(tiny(own_conf, "model=affine")).identity()
    assert identity["source_hash"] is not None
    assert (identity["entry_version"], identity["training_version"], identity["evaluation_version"]) == (1, 3, 5)
    assert cell().identity()["source_hash"] is None
    assert cell().identity()["data_hash"] != identity["data_hash"]


def test_cells_of_other_seeds_share_the_key_and_differ_in_their_ids() -> None:
    zero = cell()
    one = zero.of_seed(1, "bench run")
    assert one.run_id == cell("seed=1").run_id != zero.run_id


def test_a_cell_that_could_not_be_resolved_is_named_by_its_words() -> None:
    config = compose(["model=vae", "data=digits"])
    assert configuration_key(config).run_id(0) == configuration_key(replace(config, results_dir="x")).run_id(0)
    assert configuration_key(config).run_id(0) != cell().run_id


def test_a_gpus_run_is_another(monkeypatch) -> None:
    first = cell("device=cpu")
    monkeypatch.setattr("bench.setup.cell.chosen_device", lambda asked: torch.device("cuda"))
    assert cell().run_id != first.run_id
