import pytest
import torch

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.m2 import M2
from bench.models.optimise import GradientStep
from bench.models.parts.conditional import ConditionalStep, with_context
from bench.models.vae import VAE
from bench.spec import DataSpec

LABELLED = DataSpec((3,), context_size=2, classes=2)


def test_the_step_of_a_conditional_entry_learns_from_its_labels() -> None:
    """Descending the loss of the labels (1, 0) makes them likelier than they were, and forgets the context."""
    torch.manual_seed(0)
    entry = M2(LABELLED, width=32)
    trainer = with_context(entry.trainer(Optimiser(learning_rate=0.01, warmup=0.0)))
    assert isinstance(trainer, ConditionalStep)
    x, label = torch.randn(16, 3), torch.tensor([[1.0, 0.0]]).expand(16, 2)
    before = entry.classify(x)[:, 0].mean()
    for _ in range(100):
        trainer.step(x, 0.0, label)
    assert entry.classify(x)[:, 0].mean() > before + 0.3
    assert trainer.context is None


def test_a_step_that_takes_no_context_is_refused_in_one_line() -> None:
    plain = GradientStep(VAE(DataSpec((3,)), width=8), Optimiser())
    with pytest.raises(BenchError, match=r"GradientStep\.step takes none: write step\(x, progress, context=None\)"):
        with_context(plain)
