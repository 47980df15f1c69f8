import pytest
import torch
from torch import nn

from bench.config import Optimiser
from bench.models.optimise import GradientStep
from bench.models.vae import VAE
from bench.pack.settings import differing, stacked, with_buffers
from bench.spec import DataSpec


def vae(beta: float) -> VAE:
    return VAE(DataSpec((3,)), width=16, latent_size=2, beta=beta)


class Within(nn.Module):
    """A number of a submodule, one that is whole and one that not all have."""

    def __init__(self, scale: float, whole: int, odd: float | None) -> None:
        super().__init__()
        self.inner = nn.Linear(1, 1)
        self.inner.scale = scale  # type: ignore[assignment]
        self.whole, self.odd = whole, odd


def test_numbers_with_a_fraction_that_differ_are_found_wherever_they_are() -> None:
    assert differing([vae(1.0), vae(1.0)]) == {}
    assert differing([vae(1.0), vae(0.5)]) == {"beta": [1.0, 0.5], "kl_weight": [1.0, 0.5]}
    assert differing([Within(1.0, 1, 1.0), Within(2.0, 2, None)]) == {"inner.scale": [1.0, 2.0]}


def test_as_a_buffer_a_number_can_be_each_runs_own() -> None:
    trainer = GradientStep(vae(1.0), Optimiser())
    assert with_buffers(trainer, []) is trainer
    lifted = with_buffers(trainer, ["kl_weight"])
    assert lifted.entry.state_dict().keys() == trainer.entry.state_dict().keys()
    assert trainer.entry.kl_weight == 1.0
    x, losses = torch.randn(8, 3), []
    for weight in stacked({"kl_weight": [0.5, 2.0]}, x)["entry.kl_weight"]:
        torch.manual_seed(0)
        losses.append(torch.func.functional_call(Loss(lifted.entry), {"entry.kl_weight": weight}, (x,)))
        torch.manual_seed(0)
        trainer.entry.kl_weight = float(weight)
        torch.testing.assert_close(losses[-1], trainer.entry.loss(x))
    assert losses[0].mean().item() != pytest.approx(losses[1].mean().item())


class Loss(nn.Module):
    """An entry's loss, for `functional_call`."""

    def __init__(self, entry: nn.Module) -> None:
        super().__init__()
        self.entry = entry

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.entry.loss(x)  # type: ignore[operator, no-any-return]
