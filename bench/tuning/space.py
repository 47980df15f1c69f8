"""The search space: learning rates on a log grid, then two trials at the best: of the entry's knob, or beside it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.seeds import FOLDS

LOWEST, HIGHEST, COUNT = 5e-4, 5e-2, 6
"""Ends of the grid of learning rates, and how many there are."""

RATIO = (HIGHEST / LOWEST) ** (1 / (COUNT - 1))
"""Between neighbours of the grid."""

BESIDE = 2
"""Trials at the best rate: of the knob, or of rates beside it."""

RATE = "train.optimiser.learning_rate"


def rounded(rate: float) -> float:
    """A rate to three significant digits, so that it is written as it is used."""
    return float(f"{rate:.3g}")


def rates(below: bool = False, above: bool = False) -> list[float]:
    """The grid of learning rates, one more beyond an end where it was widened."""
    return [rounded(LOWEST * RATIO**k) for k in range(-below, COUNT + above)]


def beside(rate: float, grid: Sequence[float]) -> list[float]:
    """Two rates beside one of the grid: half-way, on a log axis, to its neighbours; beyond an end, to where one would
    be."""
    place = grid.index(rate)
    lower = grid[place - 1] if place else rate / RATIO
    upper = grid[place + 1] if place + 1 < len(grid) else rate * RATIO
    return [rounded((rate * lower) ** 0.5), rounded((rate * upper) ** 0.5)]


def option_of(knob: str) -> str:
    """The option that a knob's name stands for: of the model, unless it names a group, as `train.optimiser` is."""
    return knob if "." in knob else f"model.{knob}"


def value_of(config: Mapping[str, Any], knob: str) -> Any:
    """The value of a knob in a configuration in plain words; None where it has none."""
    node: Any = config
    for name in option_of(knob).split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node


def word(value: Any) -> str:
    """A value as an override and tuning.csv have it: `4.0`, `plain`, `null`."""
    return value if isinstance(value, str) else json.dumps(value)


def knob_text(config: Mapping[str, Any]) -> str | None:
    """An entry's knob and its value, such as `input_gain=4.0`; None where its YAML declares none."""
    return next((f"{knob}={word(value_of(config, knob))}" for knob in config["tune"]["knob"] or {}), None)


def candidates(config: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The knob of an entry and the values to try: the first two declared that it does not have as it comes.

    There may be fewer, and none where no knob is declared: what is left of the trials goes to rates beside the best.
    """
    declared: Mapping[str, Sequence[Any]] = config["tune"]["knob"] or {}
    for knob, values in declared.items():
        current = value_of(config, knob)
        return knob, [word(value) for value in values if value != current][:BESIDE]
    return "", []


def fold_of(data: Mapping[str, Any], seed: int) -> int | None:
    """The fold whose examples a run is tested on; None for a data set without folds."""
    if "fold" not in data:
        return None
    fold: int | None = data["fold"]
    return seed % FOLDS if fold is None else fold


def middle(rungs: Sequence[float]) -> float:
    """The middle rung of a ladder, the lower of two."""
    ordered = sorted(set(rungs))
    return ordered[(len(ordered) - 1) // 2]


OTHER_OPTIONS = (
    "data=", "model=", "seed=", "grid=", "study=", "eval", "tune", "budget.rung=",
    "budget.ladder=", "data.fold=", f"{RATE}=",
    "results_dir=", "data_root=", "workers=", "hours=", "threads=", "device=", "pack=", "compile=",
    "data.root=", "budget.timeout_seconds=", "train.checkpoint_seconds=",
)  # fmt: skip
"""Beginnings of words that do not tell one entry of a study from another."""


def options_of(words: Sequence[str], knob: str | None = None) -> str:
    """What a cell's words say of its entry beside data and model, such as `budget.steps=1000 model.layers=4`."""
    ignored = OTHER_OPTIONS if knob is None else (*OTHER_OPTIONS, f"{option_of(knob)}=")
    return " ".join(sorted(word for word in (one.lstrip("+") for one in words) if not word.startswith(ignored)))
