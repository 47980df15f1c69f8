"""The weights that an entry names for evaluation, in the place of those that it trains."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.models.entry import Entry, HasEvaluationWeights


@contextmanager
def evaluation_weights(entry: Entry) -> Iterator[None]:
    """Inside, the entry has the weights that it names for evaluation; afterwards again those that it trains.

    Raises:
        BenchError: it names what is no parameter of its own, or gives one another shape.
    """
    named: Mapping[str, Tensor] = entry.evaluation_weights() if isinstance(entry, HasEvaluationWeights) else {}
    shapes = {name: parameter.shape for name, parameter in entry.named_parameters()}
    for name, value in named.items():
        if value.shape != shapes.get(name):
            is_own = f"has {tuple(shapes[name])}" if name in shapes else "is no parameter"
            raise BenchError(
                f"evaluation_weights of {type(entry).__name__} gives '{name}' {tuple(value.shape)}, which {is_own}: "
                "give weights by the names that named_parameters() gives, of the same shapes"
            )
    trained = {name: entry.get_parameter(name).detach().clone() for name in named}
    try:
        give(entry, named)
        yield
    finally:
        give(entry, trained)


@torch.no_grad()
def give(entry: Entry, weights: Mapping[str, Tensor]) -> None:
    """Writes weights over the parameters of these names."""
    for name, value in weights.items():
        entry.get_parameter(name).copy_(value)
