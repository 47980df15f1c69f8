from copy import deepcopy
from operator import attrgetter

import pytest

from bench.config import Config
from bench.errors import BenchError
from bench.setup.check_config import check
from bench.setup.compose import compose


def message(*overrides: str) -> str:
    with pytest.raises(BenchError) as raised:
        compose(list(overrides))
    text = str(raised.value)
    assert "\n" not in text
    return text


SIZES = [
    "budget.parameters",
    "budget.tolerance",
    "budget.steps",
    "budget.seconds",
    "budget.flops",
    "budget.timeout_seconds",
    "train.batch_size",
    "train.validate_every",
    "train.validation_examples",
    "train.validation_importance_samples",
    "train.patience",
    "train.checkpoint_seconds",
    "train.optimiser.learning_rate",
    "train.optimiser.clip_norm",
    "eval.test_examples",
    "eval.importance_samples",
    "eval.ais_chains",
    "eval.ais_steps",
    "eval.ais_examples",
    "eval.sample_size",
    "eval.projections",
    "eval.batch_rows",
    "threads",
]


@pytest.fixture(scope="module")
def usual() -> Config:
    return compose([])


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize("name", SIZES)
def test_no_size_is_zero_or_less(name: str, value: int, usual: Config) -> None:
    config = deepcopy(usual)
    group, _, option = name.rpartition(".")
    setattr(attrgetter(group)(config) if group else config, option, value)
    with pytest.raises(BenchError) as raised:
        check(config)
    assert str(raised.value) == f"{name}={value}: must be more than zero"


@pytest.mark.parametrize("name", ["seed", "train.optimiser.warmup", "train.optimiser.final"])
def test_where_zero_means_something_only_less_is_refused(name: str) -> None:
    compose([f"{name}=0"])
    assert message(f"{name}=-1") == f"{name}=-1{'' if name == 'seed' else '.0'}: must be zero or more"


def test_a_list_is_looked_through() -> None:
    assert "eval.noise_scales=-0.5: must be zero or more" in message("eval.noise_scales=[0,-0.5]")


def test_not_a_number_is_no_size() -> None:
    assert "budget.seconds=nan" in message("budget.seconds=nan")


def test_a_budget_needs_a_limit() -> None:
    assert "training would never end" in message("budget.steps=null")
    compose(["budget.steps=null", "budget.seconds=1"])
    compose(["budget.steps=null", "budget.flops=1e9"])


def test_the_warm_up_ends_before_the_budget() -> None:
    assert "train.optimiser.warmup" in message("train.optimiser.warmup=1")


def test_the_rate_that_is_left_is_a_share() -> None:
    assert "train.optimiser.final" in message("train.optimiser.final=1.1")
    compose(["train.optimiser.final=1"])


def test_an_unknown_device_shows_the_known_ones() -> None:
    assert message("device=cdua") == "unknown device 'cdua'; did you mean cuda or cpu?"


@pytest.mark.parametrize("name", ["..", "a/b", "''"])
@pytest.mark.parametrize("option", ["model.name", "data.name"])
def test_what_names_a_folder_is_a_folders_name(option: str, name: str) -> None:
    assert "is not a folder name" in message(f"{option}={name}")


def test_a_model_has_a_target(tmp_path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("name: mine\n")
    with pytest.raises(BenchError, match="no _target_"):
        compose(["model=mine"], tmp_path)


def test_an_unknown_estimator_is_refused_with_the_nearest() -> None:
    assert message("eval.estimator=iwaee") == "unknown estimator 'iwaee' in eval.estimator; did you mean iwae?"
