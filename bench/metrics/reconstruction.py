"""The error of decode(encode(x)), plain and at equal latent noise."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bench.errors import Diverged
from bench.metrics.likelihood import evaluating
from bench.models.entry import HasLatent


def noise_curve(
    entry: nn.Module,
    x: Float[Tensor, "n *event"],
    to_data: Callable[[Tensor], Tensor],
    scales: Sequence[float],
    generator: torch.Generator,
    batch_rows: int,
) -> list[tuple[float, float]]:
    """The reconstruction error at each latent noise scale σ: (σ, mean squared error per coordinate in data space).

    ε is standard normal, of the latent's shape, the same for every scale; two entries of equal latent shape get the
    same ε from generators of equal state.

    Args:
        entry: an entry with `encode` and `decode`, on the device of `x`.
        x: examples in model space.
        to_data: the map from model space to data space.
        scales: standard deviations of the latent noise; the prior's is 1.
        generator: the source of ε.
        batch_rows: most examples in one call.

    Raises:
        Diverged: an error is not finite.
        TypeError: the entry has no `encode` or no `decode`.
    """
    if not isinstance(entry, HasLatent):
        raise TypeError(f"{type(entry).__name__} has no encode and decode")
    totals = torch.zeros(len(scales), dtype=torch.float64, device=x.device)
    with evaluating(entry), torch.no_grad():
        for chunk in torch.split(x, batch_rows):
            target, z = to_data(chunk), entry.encode(chunk)
            noise = torch.randn(z.shape, generator=generator, device=generator.device).to(z)
            for i, scale in enumerate(scales):
                totals[i] += (to_data(entry.decode(z + scale * noise)) - target).square().sum(dtype=torch.float64)
    errors = (totals / x.numel()).tolist()
    if not bool(totals.isfinite().all()):
        raise Diverged(f"reconstruction error is not finite at a latent noise of {_first_broken(scales, totals)}")
    return list(zip(scales, errors, strict=True))


def _first_broken(scales: Sequence[float], totals: Tensor) -> float:
    return next(scale for scale, finite in zip(scales, totals.isfinite().tolist(), strict=True) if not finite)
