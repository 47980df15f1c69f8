import copy
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.config import Optimiser
from bench.errors import BenchError
from bench.machine.deadline import Deadline
from bench.metrics.compute import count_flops
from bench.models.cnf import CNF
from bench.models.cnf_fast import PARTS, CNFFast, RegriddingStep
from bench.models.entry import Entry, field_evaluations
from bench.models.flow_matching import FlowMatching
from bench.models.flow_matching_ml import FlowMatchingML
from bench.models.maf import MAF
from bench.models.optimise import GradientStep
from bench.models.realnvp import RealNVP
from bench.models.vae import VAE
from bench.run import run
from bench.setup import build
from bench.setup.compose import compose
from bench.spec import DataSpec
from bench.training.compile_step import check_gradient, chosen_mode, compile_step, eager_step, gradient
from bench.training.history import History
from bench.training.loop import Loop
from tests.helpers import cell_in
from tests.models.helpers import perturbed

CPU = torch.device("cpu")
SMALL: list[tuple[type[Entry], dict[str, Any]]] = [
    (VAE, {"latent_size": 2}),
    (RealNVP, {"layers": 2}),
    (CNFFast, {"tableau": "rk4", "steps": 2}),
    (CNFFast, {"tableau": "bosh3", "regrid_every": 2, "rtol": 1e-2}),
    (MAF, {"layers": 2}),
    (FlowMatching, {}),
]
every_compiled = pytest.mark.parametrize(
    ("cls", "options"), SMALL, ids=[f"{cls.__name__}-{len(options)}" for cls, options in SMALL]
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def trained(entry: Entry, mode: str | None, batches: torch.Tensor) -> tuple[list[float], list[torch.Tensor], int]:
    """The losses of a few steps, the weights after them, and the FLOPs of one more as they are counted."""
    trainer = entry.trainer(Optimiser(learning_rate=1e-2))
    if mode is not None:
        compiled = compile_step(trainer, mode, batches[0])
    torch.manual_seed(1)
    losses = [float(trainer.step(x, 0.1 + 0.1 * step)) for step, x in enumerate(batches)]
    weights = [p.detach().clone() for p in entry.parameters()]
    assert mode is None or compiled.seconds > 0
    with eager_step(trainer):
        flops = count_flops(lambda: trainer.step(batches[0], 0.5))
    assert isinstance(trainer, GradientStep)
    filled = (trainer.objective_by is not None, trainer.update_by is not None)
    assert filled == (mode == "step", mode == "graph"), "the count has put back what is compiled"
    return losses, weights, flops


@every_compiled
def test_a_compiled_step_learns_as_an_eager_one(cls: type[Entry], options: dict[str, Any]) -> None:
    """The same draws and, to rounding, the same losses and weights; the batch that is compiled for teaches nothing."""
    entry = perturbed(cls(DataSpec((3,)), width=16, **options), 0.1)
    batches = torch.randn(4, 32, 3)
    compiled = copy.deepcopy(entry)
    eager_losses, eager, eager_flops = trained(entry, None, batches)
    losses, weights, flops = trained(compiled, "step", batches)
    # A compiled graph would hide its matrix products from the count, and its evaluations of a field.
    assert flops == eager_flops > 0
    assert field_evaluations(compiled) == field_evaluations(entry)
    torch.testing.assert_close(losses, eager_losses, rtol=1e-5, atol=1e-5)
    # Adam divides a gradient by its own size: where that is near 0, rounding turns a step of 1e-2 by as much as itself.
    off = torch.cat([(a - b).abs().flatten() for a, b in zip(weights, eager, strict=True)])
    assert off.max() < 2e-2
    assert off.quantile(0.9) < 1e-3


@pytest.mark.long
@pytest.mark.parametrize(("cls", "options"), [SMALL[0], SMALL[2]], ids=["VAE", "CNFFast"])
def test_the_next_run_of_a_sweep_finds_what_the_first_one_compiled(
    cls: type[Entry], options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another seed's weights, the same shapes: every graph comes from the cache on disk."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    counts = []
    for _ in range(2):
        torch._dynamo.utils.counters.clear()
        entry = perturbed(cls(DataSpec((3,)), width=16, **options), 0.1)
        compile_step(entry.trainer(Optimiser()), "step", torch.randn(32, 3))
        inductor = torch._dynamo.utils.counters["inductor"]
        counts.append((inductor["fxgraph_cache_hit"], inductor["fxgraph_cache_miss"]))
    (before, missed), (found, missing) = counts
    assert (before, missing) == (0, 0)
    assert found == missed > 0


@pytest.mark.long
@pytest.mark.parametrize(("dim", "width", "batch", "tableau"), [(3, 16, 32, "dopri5"), (64, 512, 256, "rk4")])
def test_the_compiled_gradient_of_a_solve_is_the_eager_one(dim: int, width: int, batch: int, tableau: str) -> None:
    """To rounding: Adam hides a factor, and small errors of a compiler's in a factor do happen."""
    entry = perturbed(CNFFast(DataSpec((dim,)), width=width, tableau=tableau, steps=2), 0.1)
    trainer = entry.trainer(Optimiser())
    assert isinstance(trainer, GradientStep)
    x = torch.randn(batch, dim)
    eager = gradient(trainer.objective, trainer, x)
    compile_step(trainer, "step", x)
    assert trainer.objective_by is not None
    found = gradient(trainer.objective_by, trainer, x)
    whole = torch.cat([part.flatten() for part in eager]).norm()
    for one, other in zip(found, eager, strict=True):
        # Single precision through eight or twelve evaluations of two layers.
        assert (one - other).norm() < 1e-5 * other.norm() + 1e-6 * whole


@pytest.mark.long
def test_a_chosen_grid_is_compiled_once_for_each_number_of_steps() -> None:
    """Grids of two sizes come and go; each step's losses are those of an eager trainer on the same grids."""
    entries = [perturbed(CNFFast(DataSpec((3,)), width=16, tableau="bosh3"), 0.1) for _ in range(2)]
    entries[1].load_state_dict(entries[0].state_dict())
    eager, other = (entry.trainer(Optimiser()) for entry in entries)
    x = torch.randn(32, 3)
    compiled = compile_step(other, "step", x)
    assert compiled.seconds == 0  # the first step chooses
    made, losses = [], []
    for times in ([0.0, 1.0], [0.0, 0.3, 1.0], [0.0, 0.6, 1.0], [0.0, 1.0], [0.0, 0.1, 1.0]):
        for trainer in (eager, other):
            assert isinstance(trainer, RegriddingStep)
            # Young and of this part of the budget: the step keeps it.
            trainer.age, trainer.part, trainer.entry.grid = 1, PARTS // 2, times
            losses.append(float(trainer.step(x, progress=0.5)))
        made.append((len(compiled.variants), compiled.seconds))
    assert losses[::2] == pytest.approx(losses[1::2], rel=1e-5)
    assert len(set(losses[::2])) == 5
    assert [count for count, _ in made] == [1, 2, 2, 2, 2]
    assert 0 < made[0][1] < made[1][1] == made[4][1]


def test_a_small_part_of_a_gradient_is_held_to_its_own_size() -> None:
    """That of a new flow is nearly all in its last layer."""
    eager = [torch.full((100,), 1.0), torch.full((10,), 1e-3)]
    check_gradient([eager[0] + 1e-6, eager[1] + 1e-8], eager, "it")
    for wrong in (torch.zeros(10), -eager[1], eager[1] * math.nan):
        with pytest.raises(BenchError, match="compiled gradient of it"):
            check_gradient([eager[0], wrong], eager, "it")


def test_a_wrong_compiled_gradient_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda objective, **_: lambda x: 1.002 * objective(x))
    trainer = VAE(DataSpec((3,)), width=16, latent_size=2).trainer(Optimiser())
    before = torch.get_rng_state()
    with pytest.raises(BenchError, match=r"^compile=step: a part of the compiled gradient of VAE .* use compile=off$"):
        compile_step(trainer, "step", torch.randn(8, 3, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), before)
    assert isinstance(trainer, GradientStep)
    assert trainer.objective_by is None


@pytest.mark.gpu
@needs_cuda
@every_compiled
@pytest.mark.parametrize("mode", ["step", "graph"])
def test_a_compiled_step_learns_as_an_eager_one_on_a_gpu(cls: type[Entry], options: dict[str, Any], mode: str) -> None:
    entry = perturbed(cls(DataSpec((3,)), width=16, **options), 0.1).cuda()
    batches = torch.randn(4, 32, 3).cuda()
    compiled = copy.deepcopy(entry)
    eager_losses, eager, eager_flops = trained(entry, None, batches)
    losses, weights, flops = trained(compiled, mode, batches)
    assert flops == eager_flops > 0
    torch.testing.assert_close(losses, eager_losses, rtol=1e-4, atol=1e-4)
    off = torch.cat([(a - b).abs().flatten() for a, b in zip(weights, eager, strict=True)])
    assert off.quantile(0.9) < 1e-3


@pytest.mark.gpu
@needs_cuda
@every_compiled
def test_no_step_on_a_gpu_waits_for_it(cls: type[Entry], options: dict[str, Any]) -> None:
    entry, x = cls(DataSpec((3,)), width=16, **options).cuda(), torch.randn(32, 3).cuda()
    trainer = entry.trainer(Optimiser())
    compile_step(trainer, "graph", x)
    trainer.step(x, 0.1)
    with no_waiting():
        loss = trainer.step(x, 0.2)
    assert torch.isfinite(loss)


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("mode", ["off", "graph"])
def test_the_loops_own_steps_wait_for_no_gpu_either(mode: str) -> None:
    """Batches with their noise and the step, over the ends of epochs."""
    assert stepping(["device=cuda", f"compile={mode}"], around=no_waiting)[0].step == 25


@pytest.mark.gpu
@needs_cuda
def test_a_captured_loop_gathers_the_batches_of_an_eager_one() -> None:
    _, eager = stepping(["device=cuda", "compile=off"])
    _, captured = stepping(["device=cuda", "compile=graph"])
    assert captured == pytest.approx(eager, rel=1e-3)
    assert len(set(captured)) == 20


@pytest.mark.gpu
@needs_cuda
def test_waiting_would_be_noticed() -> None:
    with pytest.raises(RuntimeError, match="synchroniz"), no_waiting():
        torch.ones(1, device="cuda").item()


@contextmanager
def no_waiting() -> Iterator[None]:
    """Inside, what reads a number back from the GPU is an error."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def stepping(
    overrides: list[str], around: Callable[[], AbstractContextManager[None]] = nullcontext
) -> tuple[History, list[float]]:
    """A loop's first interval, then twenty steps of the next inside `around`, and their losses."""
    options = ["data=digits", "model=realnvp", "model.layers=2", "budget.parameters=null", "model.width=16"]
    options += ["budget.steps=100", "train.validate_every=5", "train.batch_size=256"]
    config = compose([*options, *overrides])
    dataset = build.dataset(config)
    entry = build.entry_of_width(config, dataset.spec, None).to(dataset.train.device)
    loop = Loop(entry, dataset, config, History(), Deadline(None))
    loop.compile()
    loop.interval()
    with around():
        losses = [loop.step(0.5) for _ in range(20)]
    return loop.history, [float(loss) for loss in losses]


def test_a_loops_steps_are_counted_one_by_one() -> None:
    history, losses = stepping(["compile=off"])
    assert history.step == 25
    assert len(set(losses)) == 20


@pytest.mark.parametrize(
    ("cls", "options", "asked", "device", "mode"),
    [
        (RealNVP, {}, "off", "cuda", "off"),
        (RealNVP, {}, "step", "cpu", "step"),
        (RealNVP, {}, "auto", "cpu", "step"),
        (RealNVP, {}, "auto", "cuda", "graph"),
        (VAE, {}, "auto", "cpu", "off"),
        (VAE, {}, "auto", "cuda", "graph"),
        (VAE, {"kl_warmup": 0.1}, "auto", "cuda", "off"),
        (CNFFast, {"steps": 4}, "auto", "cuda", "graph"),
        (CNFFast, {}, "auto", "cuda", "graph"),
        (CNFFast, {}, "auto", "cpu", "off"),
        (CNF, {}, "auto", "cuda", "off"),
        (FlowMatchingML, {}, "auto", "cuda", "off"),
        (FlowMatching, {}, "auto", "cpu", "off"),
        (FlowMatching, {}, "auto", "cuda", "graph"),
        (FlowMatching, {"coupling": "optimal_transport"}, "auto", "cuda", "off"),
    ],
)
def test_what_is_asked_for_or_what_pays(
    cls: type[Entry], options: dict[str, Any], asked: str, device: str, mode: str
) -> None:
    entry = cls(DataSpec((3,)), width=48, **options)
    assert chosen_mode(asked, entry, torch.device(device)) == mode


def test_what_cannot_be_compiled_is_refused() -> None:
    with pytest.raises(BenchError, match=r"compile=step: the training step of CNF, set as it is, cannot be compiled"):
        chosen_mode("step", CNF(DataSpec((3,)), width=48), CPU)
    with pytest.raises(BenchError, match=r"or compile=auto; model\.kl_warmup=0 would let it$"):
        chosen_mode("step", VAE(DataSpec((3,)), width=48, kl_warmup=0.1), CPU)
    with pytest.raises(BenchError, match=r"compile=graph: a CUDA graph needs device=cuda, here it is cpu"):
        chosen_mode("graph", VAE(DataSpec((3,)), width=48), CPU)


class Refused(VAE):
    """Reads a number back, on which no whole graph can be made."""

    def loss(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        return super().loss(x) * (2.0 if float(x.sum()) > 0 else 1.0)


def test_a_trainer_that_is_no_gradient_step_is_refused() -> None:
    trainer = FlowMatchingML(DataSpec((3,)), width=48).trainer(Optimiser())
    with pytest.raises(BenchError, match=r"^compile=graph: Phases takes a step of its own; use compile=off$"):
        compile_step(trainer, "graph", torch.randn(8, 3))


def test_a_step_that_does_not_compile_is_one_line() -> None:
    trainer = Refused(DataSpec((3,)), width=16).trainer(Optimiser())
    with pytest.raises(BenchError, match=r"^compile=step: Refused did not compile here: [^\n]*; use compile=off$"):
        compile_step(trainer, "step", torch.randn(32, 3))


@pytest.mark.parametrize(
    "model", [["model=realnvp", "model.layers=2"], ["model=cnf_fast", "model.tableau=bosh3", "model.rtol=0.1"]]
)
def test_a_compiled_runs_record_is_that_of_an_eager_one_with_seconds_of_its_own(model: list[str], tmp_path) -> None:
    """Those of compiling a grid that a step chooses too, which are many times those of thirty steps."""
    options = ["data=moons", *model, "budget.parameters=null", "model.width=16"]
    options += ["budget.steps=30", "train.validate_every=10", "train.batch_size=64", "eval.test_examples=50"]
    records = []
    for mode in ("off", "step"):
        cell = cell_in(compose([*options, f"compile={mode}"]), tmp_path / mode)
        records.append(run(cell, lambda history, progress: None))
    eager, compiled = records
    assert eager["status"] == compiled["status"] == "ok"
    assert eager["run_id"] == compiled["run_id"]
    assert (eager["compiled"], eager["compile_seconds"]) == (None, None)
    assert compiled["compiled"] == "step"
    assert compiled["compile_seconds"] > compiled["train_seconds"]
    assert compiled["train_flops"] == eager["train_flops"]
    # thirty steps of Adam part the two by rounding
    assert compiled["nll_nats"] == pytest.approx(eager["nll_nats"], abs=1e-2)


class Halved(GradientStep):
    """A trainer of someone else's, with a step of its own around the usual one."""

    def step(self, x: torch.Tensor, progress: float) -> torch.Tensor:
        return super().step(x, progress / 2)


@pytest.mark.parametrize("slot", ["objective_by", "update_by"])
def test_a_filled_slot_is_called_but_in_an_eager_step(slot: str) -> None:
    trainer = Halved(RealNVP(DataSpec((3,)), width=16, layers=2), Optimiser())
    calls: list[str] = []

    def compiled(x: torch.Tensor) -> torch.Tensor:
        calls.append(slot)
        return trainer.objective(x) if slot == "objective_by" else trainer.update(x)

    setattr(trainer, slot, compiled)
    x = torch.randn(8, 3)
    trainer.step(x, 0.5)
    assert calls == [slot]
    with eager_step(trainer):
        trainer.step(x, 0.5)
    assert calls == [slot]
    copy.deepcopy(trainer).step(x, 0.5)
    trainer.step(x, 0.5)
    assert calls == 3 * [slot]


def test_a_resumed_training_says_how_each_part_was_compiled() -> None:
    history = History()
    history.begin_part("off")
    history.begin_part("off")
    assert history.how_compiled() is None
    history.step, history.compiled = 500, "step"
    history.begin_part("step")
    assert history.how_compiled() == "off from step 0, step from step 500"
