"""Settings in which the runs of a pack may differ: float attributes of an entry's modules, stacked like tensors.

The pack's losses are computed through one run's entry. A number that differs is made a buffer of it, so that it can be
replaced by each run's own as parameters are.
"""

from collections.abc import Sequence
from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.models.optimise import GradientStep


def differing(entries: Sequence[nn.Module]) -> dict[str, list[float]]:
    """Float attributes of the entries' modules that are not the same in all of them, by dotted name."""
    numbers: dict[str, list[float]] = {}
    for name, module in entries[0].named_modules():
        others = [entry.get_submodule(name) for entry in entries]
        for key, value in vars(module).items():
            if isinstance(value, float):
                values = [getattr(other, key) for other in others]
                if len(set(values)) > 1 and all(isinstance(value, float) for value in values):
                    numbers[f"{name}.{key}" if name else key] = values
    return numbers


def with_buffers(trainer: GradientStep, names: Sequence[str]) -> GradientStep:
    """The trainer, or a copy of it whose entry holds these numbers as buffers; its state dict has none of them."""
    if not names:
        return trainer
    trainer = deepcopy(trainer)
    for name in names:
        path, _, key = name.rpartition(".")
        module = trainer.entry.get_submodule(path)
        value = torch.tensor(vars(module).pop(key), device=trainer.parameters[0].device)
        module.register_buffer(key, value, persistent=False)
    return trainer


def stacked(numbers: dict[str, list[float]], like: Tensor) -> dict[str, Float[Tensor, " runs"]]:
    """The numbers of all runs, named as in `bench.pack.step.ObjectiveModule`."""
    return {f"entry.{name}": like.new_tensor(values) for name, values in numbers.items()}
