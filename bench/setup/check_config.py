"""Refuses values of a configuration that no run could have, in one line that names the option."""

from dataclasses import fields
from typing import Any

from bench.config import BOTH, DEFAULT, FEWEST, TRIAL, TUNED, Config, Eval, Train, Tune
from bench.errors import BenchError, unknown

DEVICES = ("auto", "cpu", "cuda")
ESTIMATORS = ("auto", "iwae", "refined", "ais")
COVARIANCES = ("diagonal", "full")
PACKS = ("seeds",)
PRECISIONS = ("float32", "bfloat16")
COMPILES = ("off", "auto", "step", "graph")

MAY_BE_ZERO = {"seed", "warmup", "final", "noise_scales", "weight_decay"}

GROUPS = ("budget", "train", "train.optimiser", "eval", "tune", "")
"""The groups of the schema, the empty name for the options that belong to none."""


def check(config: Config) -> None:
    """Refuses values that no run could have.

    Raises:
        BenchError: a negative or zero size, a budget without a limit, an unknown device, or any other of the checks.
    """
    for group in GROUPS:
        check_group(config, group)
    check_words(config)
    check_budget(config)
    check_shares(config.train)
    check_sizes(config.eval)
    check_tune(config.tune)
    check_names(config)


def check_group(config: Config, group: str) -> None:
    """Refuses options that a group does not have, and numbers below what they may be.

    Raises:
        BenchError: it names the option.
    """
    node = config
    for name in filter(None, group.split(".")):
        node = getattr(node, name)
    known = [item.name for item in fields(node)]
    surplus = vars(node).keys() - set(known)
    if surplus:
        raise unknown("option", min(surplus), known, group or "the configuration")
    for name in known:
        check_sign(f"{group}.{name}".lstrip("."), getattr(node, name))


def check_words(config: Config) -> None:
    """Refuses a word that an option does not know.

    Raises:
        BenchError: it names the nearest that it does.
    """
    if config.compile not in COMPILES:
        raise unknown("mode", config.compile, COMPILES, "compile")
    if config.precision not in PRECISIONS:
        raise unknown("precision", config.precision, PRECISIONS, "precision")
    if config.pack is not None and config.pack not in PACKS:
        raise unknown("pack", config.pack, PACKS)
    if config.eval.estimator not in ESTIMATORS:
        raise unknown("estimator", config.eval.estimator, ESTIMATORS, "eval.estimator")
    if config.eval.refine_covariance not in COVARIANCES:
        raise unknown("covariance", config.eval.refine_covariance, COVARIANCES, "eval.refine_covariance")
    if config.device not in DEVICES:
        raise unknown("device", config.device, DEVICES)


def check_budget(config: Config) -> None:
    """Refuses training without an end, and a clock that packed runs would share.

    Raises:
        BenchError: it says what to set.
    """
    budget = config.budget
    if budget.steps is None and budget.seconds is None and budget.flops is None:
        raise BenchError("budget: training would never end; set budget.steps, budget.seconds or budget.flops")
    if config.pack is not None and budget.seconds is not None:
        raise BenchError(
            "pack=seeds: packed runs share a clock; in place of budget.seconds set budget.steps or budget.flops"
        )


def check_shares(train: Train) -> None:
    """Refuses shares of the budget and of the learning rate that are none.

    Raises:
        BenchError: it names the option.
    """
    optimiser = train.optimiser
    if train.patience is not None and not train.patience <= 1:
        raise BenchError(f"train.patience={train.patience:g}: must be a share of the budget, at most 1, or null")
    if not optimiser.warmup < 1:
        raise BenchError("train.optimiser.warmup must be a share of the budget below 1")
    if not optimiser.final <= 1:
        raise BenchError("train.optimiser.final must be a share of the learning rate, 0 to 1")


def check_sizes(settings: Eval) -> None:
    """Refuses fewer examples than sample metrics can compare.

    Raises:
        BenchError: it names the option.
    """
    for name in ("test_examples", "sample_size"):
        size = getattr(settings, name)
        if size is not None and size < FEWEST:
            raise BenchError(f"eval.{name}={size}: too few to compare samples with; give at least {FEWEST}")


def check_tune(tune: Tune) -> None:
    """Refuses settings that there are not, and a knob without values.

    Raises:
        BenchError: it names the option.
    """
    if not tune.settings:
        raise BenchError(f"tune.settings: an empty list runs nothing; give {DEFAULT}, {TUNED} or both")
    for setting in tune.settings:
        if setting not in (DEFAULT, TUNED):
            raise unknown("setting", setting, (DEFAULT, TUNED), "tune.settings")
    if tune.setting not in (DEFAULT, TUNED, TRIAL, BOTH):
        raise unknown("setting", tune.setting, (DEFAULT, TUNED, TRIAL), "tune.setting")
    if len(tune.knob or {}) > 1:
        raise BenchError(f"tuning.knob: {', '.join(tune.knob or {})}: an entry has one knob; take one of them")


def check_names(config: Config) -> None:
    """Refuses a model or data set that names no class or function, and names that cannot be a folder's.

    Raises:
        BenchError: it names the YAML.
    """
    for group_name in ("model", "data"):
        group = getattr(config, group_name)
        if "_target_" not in group:
            raise BenchError(f"conf/{group_name}: the YAML has no _target_; name the class or function it stands for")
        if "name" not in group:
            raise BenchError(f"conf/{group_name}: the YAML of {group['_target_']} has no name; give it the file's own")
        check_folder_name(f"{group_name}.name", str(group["name"]))
    check_folder_name("study", config.study)


def check_folder_name(option: str, name: str) -> None:
    """Refuses what cannot be (part of) the name of a folder."""
    if "/" in name or name in {"", ".", ".."}:
        raise BenchError(f"{option}: '{name}' is not a folder name; use letters, digits, - and _")


def check_sign(name: str, value: Any) -> None:
    """Refuses a number that is negative, or zero where zero means nothing."""
    numbers = value if isinstance(value, list) else [value]
    zero = name.rpartition(".")[2] in MAY_BE_ZERO
    for number in numbers:
        if (
            isinstance(number, (int, float))
            and not isinstance(number, bool)
            and not (number >= 0 if zero else number > 0)
        ):
            raise BenchError(f"{name}={number}: must be {'zero or more' if zero else 'more than zero'}")
