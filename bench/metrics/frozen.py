"""An entry whose weights take no gradient for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen(entry: object) -> Iterator[None]:
    """No parameter of `entry` takes a gradient inside; outside each does as before.

    A gradient in a latent then costs a fifth on a VAE of digits: layers that write out their own gradient leave out
    that of their weight. An object that is no module has none.
    """
    trained = [each for each in entry.parameters() if each.requires_grad] if isinstance(entry, nn.Module) else []
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_()
