"""Training in bfloat16: what is rounded, what is not, and where it is refused. See also test_picture_entries."""

from pathlib import Path

import pytest
import torch

from bench.config import Optimiser
from bench.errors import BenchError
from bench.models.entry import LogProb
from bench.models.parts import precision
from bench.models.parts.conv_flow import ChannelMixing, ConvCoupling
from bench.models.parts.precision import check_precision, computes_bfloat16, products, restored
from bench.models.realnvp_conv import RealNVPConv
from bench.run import run
from bench.setup.compose import compose
from bench.spec import DataSpec
from bench.training.compile_step import compile_step
from tests.helpers import cell_in
from tests.models.helpers import perturbed

CPU = torch.device("cpu")
PICTURES = DataSpec((1, 8, 8), "discrete", 17, image_shape=(1, 8, 8))
needs_bfloat16 = pytest.mark.skipif(not computes_bfloat16(CPU), reason="no instructions for bfloat16")
TINY = ["data=digits", "budget.parameters=10000", "budget.steps=60", "train.validation_examples=100", "threads=1",
        "eval.test_examples=100", "eval.sample_size=50"]  # fmt: skip


def flow() -> RealNVPConv:
    torch.manual_seed(0)
    return perturbed(RealNVPConv(PICTURES, width=48), 0.05)


def test_log_scales_and_log_determinants_are_of_float32() -> None:
    """Where products are rounded, a coupling still scales by float32 numbers, and adds up the same ones."""
    torch.manual_seed(0)
    coupling = perturbed(ConvCoupling(4, 8, 16, 1), 0.3)
    x = torch.randn(4, 8, 4, 4)
    exact = coupling(x)
    with products("bfloat16", CPU):
        log_scale, shift = coupling.scale_and_shift(x[:, :4])
        y, log_det = coupling(x)
    assert {log_scale.dtype, shift.dtype, y.dtype, log_det.dtype} == {torch.float32}
    torch.testing.assert_close(log_det, log_scale.flatten(1).sum(1))
    assert (log_det - exact[1]).abs().max() > 0, "the net's products were rounded"
    torch.testing.assert_close(log_det, exact[1], rtol=0.02, atol=0.1)


def test_a_learned_mixing_is_the_map_of_its_determinant() -> None:
    """Rounded, a matrix has another determinant than the one that its factors say."""
    torch.manual_seed(0)
    mixing, x = perturbed(ChannelMixing(6), 0.2), torch.randn(2, 6, 4, 4)
    with products("bfloat16", CPU):
        rounded = mixing(x)[0]
    assert torch.equal(rounded, mixing(x)[0])


def test_only_bfloat16_is_restored() -> None:
    assert restored(torch.ones(2, dtype=torch.bfloat16)).dtype == torch.float32
    assert restored(torch.ones(2, dtype=torch.float64)).dtype == torch.float64


def test_weights_moments_and_evaluation_are_of_float32() -> None:
    """The density of the trained weights is that of an entry that never heard of bfloat16."""
    entry, x = flow(), torch.randn(32, 1, 8, 8)
    trainer = entry.trainer(Optimiser(precision="bfloat16"))
    losses = [float(trainer.step(x, 0.5)) for _ in range(3)]
    assert losses[-1] < losses[0]
    held = [
        *entry.parameters(),
        *(value for state in trainer.state_dict()["state"].values() for value in state.values()),
    ]
    assert {value.dtype for value in held} == {torch.float32}
    fresh = flow()
    fresh.load_state_dict(entry.state_dict())
    value: LogProb = entry.eval().log_prob(x)
    assert torch.equal(value.value, fresh.eval().log_prob(x).value)


def test_a_step_differs_by_rounding_alone() -> None:
    """Of the same weights and batch: losses within the 8 bits of bfloat16, and never equal."""
    x, losses = torch.randn(64, 1, 8, 8), {}
    for name in ("float32", "bfloat16"):
        losses[name] = float(flow().trainer(Optimiser(precision=name)).step(x, 0.5))
    assert 0 < abs(losses["bfloat16"] - losses["float32"]) < 2**-7 * losses["float32"]


def test_a_compiled_step_is_of_bfloat16_too() -> None:
    x, losses = torch.randn(32, 1, 8, 8), []
    for compiled in (False, True):
        trainer = flow().trainer(Optimiser(precision="bfloat16"))
        if compiled:
            compile_step(trainer, "step", x)
        losses.append([float(trainer.step(x, 0.5)) for _ in range(3)])
    exact = float(flow().trainer(Optimiser()).step(x, 0.5))
    torch.testing.assert_close(losses[1], losses[0], rtol=2**-7, atol=0)
    assert losses[1][0] != exact


def test_it_is_refused_where_it_is_not_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    check_precision("float32", False, "VAE", CPU)
    with pytest.raises(BenchError, match="precision=bfloat16: VAE, set as it is, trains in float32 alone; use"):
        check_precision("bfloat16", False, "VAE", CPU)
    monkeypatch.setattr(precision, "computes_bfloat16", lambda device: False)
    with pytest.raises(BenchError, match=r"this cpu has no instructions for it, .*; use precision=float32"):
        check_precision("bfloat16", True, "Glow", CPU)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model=vae", "precision=bfloat16"], "VAE, set as it is, trains in float32 alone"),
        (["model=cnf_conv", "precision=bfloat16"], "CNFConv, set as it is, trains in float32 alone"),
        (["model=glow", "precision=bfloat"], "did you mean bfloat16"),
    ],
)
def test_a_run_is_refused_before_it_begins(words: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=said):
        cell_in(compose([*TINY, *words]), tmp_path)


@needs_bfloat16
def test_a_run_says_what_it_trained_in(tmp_path: Path) -> None:
    """Another run than that in float32, whose row is as it was; the likelihood differs by training alone."""
    words = [*TINY, "model=realnvp_conv", "model.couplings=2"]
    plain, rounded = (cell_in(compose([*words, *more]), tmp_path) for more in ([], ["precision=bfloat16"]))
    assert plain.run_id != rounded.run_id
    rows = [run(cell, lambda history, share: None) for cell in (plain, rounded)]
    assert [row["trained_in"] for row in rows] == [None, "bfloat16"]
    assert [row["status"] for row in rows] == ["ok", "ok"]
    assert 0 < abs(rows[0]["nll_nats"] - rows[1]["nll_nats"]) < 5
