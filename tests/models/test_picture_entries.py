"""What every entry of pictures must do, grey and colour, square or not, held against a table of constructors."""

from functools import partial

import pytest
import torch

from bench.errors import BenchError, NotApplicable
from bench.models.cnf_conv import CNFConv
from bench.models.entry import Entry
from bench.models.flow_matching_unet import FlowMatchingUNet
from bench.models.glow import Glow
from bench.models.hvae import HVAE
from bench.models.iwae import IWAE
from bench.models.jet import Jet
from bench.models.parts.flow import Flow
from bench.models.parts.precision import products
from bench.models.realnvp_conv import RealNVPConv
from bench.models.tarflow import TarFlow
from bench.models.vae_conv import VAEConv
from bench.models.vae_iaf import IAFVAE
from bench.models.vampprior import VampPrior
from bench.setup.match import matching_width
from bench.spec import DataSpec
from tests.models.helpers import Build, assert_budgets_are_met, count, perturbed

CONV = {"coders": "conv", "shape": (1, 2)}
ENTRIES: dict[str, Build] = {
    "realnvp_conv": RealNVPConv,
    "glow": Glow,
    "tarflow": TarFlow,
    "jet": Jet,
    "cnf_conv": CNFConv,
    "flow_matching_unet": FlowMatchingUNet,
    "vae_conv": VAEConv,
    "hvae": HVAE,
    "iwae": partial(IWAE, **CONV),
    "vae_iaf": partial(IAFVAE, **CONV),
    "vampprior": partial(VampPrior, **CONV),
}
COARSE = {("vampprior", (3, 32, 32)): 100_000}
"""Budgets from which on an entry meets each: a rank more of 3,072 pseudo-pixels costs 3,122 parameters."""
FLOWS: list[type[Flow]] = [RealNVPConv, Glow, TarFlow, Jet]
SHAPES = [(1, 8, 8), (3, 4, 8), (2, 4, 4)]
every_entry = pytest.mark.parametrize("build", ENTRIES.values(), ids=ENTRIES)
every_flow = pytest.mark.parametrize("cls", FLOWS)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def told(shape: tuple[int, int, int]) -> DataSpec:
    return DataSpec(shape, "discrete", 17, image_shape=shape)


def small(build: Build, shape: tuple[int, int, int]) -> Entry:
    torch.manual_seed(0)
    return build(told(shape), width=48)


@every_entry
@every_shape
def test_shapes_and_gradients(build: Build, shape: tuple[int, int, int]) -> None:
    entry, x = small(build, shape), torch.randn(6, *shape)
    losses = entry.loss(x)
    assert losses.shape == (6,)
    assert entry.sample(3).shape == (3, *shape)
    losses.mean().backward()
    for name, parameter in entry.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


@every_entry
def test_they_ask_for_pictures_standardised_as_a_whole(build: Build) -> None:
    entry = small(build, (1, 8, 8))
    assert (entry.own_shape, entry.standardise) == (True, "image")
    options = build.keywords if isinstance(build, partial) else {}
    assert entry.picture_form(options) == (True, "image")


@pytest.mark.parametrize("name", ENTRIES)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)], ids=str)
def test_any_budget_is_met_within_two_per_cent(name: str, shape: tuple[int, int, int]) -> None:
    build = ENTRIES[name]
    assert_budgets_are_met(build, told(shape), COARSE.get((name, shape), 50_000), neighbours=26)
    assert count(build, told(shape), 2048) > 3_000_000


@pytest.mark.parametrize("name", ENTRIES)
def test_a_run_finds_the_width_of_a_budget(name: str) -> None:
    """Its search begins at a width of 2, at which no entry may fail."""
    least = 15_000 if name == "vampprior" else 10_000
    width = matching_width(lambda width: ENTRIES[name](told((1, 8, 8)), width=width), least, 0.1, name)
    assert width > 2


@every_entry
def test_an_entry_that_says_so_has_a_loss_of_one_graph(build: Build) -> None:
    """Traced whole; what the compiler makes of it is held against the eager gradient when a run compiles."""
    entry, x = small(build, (1, 8, 8)), torch.randn(4, 1, 8, 8)
    if entry.compiles() == "no":
        return
    torch._dynamo.reset()
    traced = torch.compile(lambda x: entry.loss(x).mean(), backend="eager", fullgraph=True, dynamic=False)
    torch.manual_seed(1)
    expected = entry.loss(x).mean()
    torch.manual_seed(1)
    torch.testing.assert_close(traced(x), expected)


@pytest.mark.parametrize("name", ENTRIES)
def test_the_gradient_in_bfloat16_is_that_of_float32_but_for_rounding(name: str) -> None:
    """Of the same draws; a loss is of float32 all the same."""
    build = partial(CNFConv, solver="midpoint", step_size=0.5) if name == "cnf_conv" else ENTRIES[name]
    entry, x, gradients = perturbed(small(build, (1, 8, 8)), 0.02), torch.randn(16, 1, 8, 8), []
    assert entry.takes_bfloat16
    for precision in ("float32", "bfloat16"):
        torch.manual_seed(1)
        with products(precision, x.device):
            losses = entry.loss(x)
        assert losses.dtype == torch.float32
        parts = torch.autograd.grad(losses.mean(), list(entry.parameters()))
        gradients.append(torch.cat([part.flatten() for part in parts]))
    assert 0 < (gradients[1] - gradients[0]).norm() < 0.03 * gradients[0].norm()


def test_most_entries_compile() -> None:
    says = {name: small(build, (1, 8, 8)).compiles() for name, build in ENTRIES.items()}
    assert {name for name, value in says.items() if value == "no"} == {"cnf_conv", "vae_iaf", "vampprior"}


@every_flow
@every_shape
def test_the_log_determinant_is_that_of_the_jacobian_and_the_inverse_goes_back(
    cls: type[Flow], shape: tuple[int, int, int]
) -> None:
    flow = small(cls, shape)
    assert isinstance(flow, Flow)
    flow, x = perturbed(flow, 0.1).double(), torch.randn(2, *shape, dtype=torch.double)
    z, log_det = flow.transform(x.flatten(1))
    for example, value in zip(x, log_det, strict=True):
        jacobian = torch.autograd.functional.jacobian(lambda v: flow.encode(v[None])[0], example)
        torch.testing.assert_close(value, torch.linalg.slogdet(jacobian.flatten(1)).logabsdet)
    back, inverse_log_det = flow.transform.inverse(z)
    torch.testing.assert_close(back, x.flatten(1))
    torch.testing.assert_close(inverse_log_det, -log_det)


@every_flow
def test_every_pixel_is_transformed_given_others(cls: type[Flow]) -> None:
    """A pixel that passed through as it is would leave a row with one entry."""
    flow = perturbed(small(cls, (1, 8, 8)), 0.5)
    assert isinstance(flow, Flow)
    jacobian = torch.autograd.functional.jacobian(lambda v: flow.encode(v[None])[0], torch.randn(1, 8, 8)).flatten(1)
    assert ((jacobian != 0).sum(1) > 1).all()
    assert ((jacobian != 0).sum(0) > 1).all()


def test_options_of_coders_are_held_to_what_they_do() -> None:
    with pytest.raises(BenchError, match="did you mean conv"):
        IWAE(told((1, 8, 8)), width=48, coders="cnov")  # type: ignore[arg-type]
    with pytest.raises(BenchError, match=r"activation=tanh has no effect on model\.coders=conv"):
        IWAE(told((1, 8, 8)), width=48, coders="conv", activation="tanh")
    IAFVAE(told((1, 8, 8)), width=48, coders="conv", activation="tanh")  # its flow's nets have one
    with pytest.raises(NotApplicable, match="IWAE models pictures"):
        IWAE(DataSpec((64,)), width=48, coders="conv")
    flat = IWAE(DataSpec((64,), "discrete", 17, image_shape=(1, 8, 8)), width=48)
    assert (flat.own_shape, flat.standardise) == (False, "pixel") == IWAE.picture_form({})
