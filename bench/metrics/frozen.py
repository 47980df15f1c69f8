"""An entry whose weights take no gradient for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen(entry: object) -> Iterator[None]:
    """No parameter of `entry` takes a gradient inside; outside each does as before.

    Gradients in a latent are then a fifth of the cost: a layer's product with the examples, for its weight, is left
    out. An object that is no module has none.
    """
    trained = [each for each in entry.parameters() if each.requires_grad] if isinstance(entry, nn.Module) else []
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_()
