from collections.abc import Iterator
from copy import deepcopy

import pytest
import torch
from torch import Tensor

from bench.config import Optimiser
from bench.models.optimise import GradientStep
from bench.models.parts.conditional import with_context
from bench.models.parts.weight_average import WeightAverage
from bench.pack.draws import RandomState, Recording, Unpackable
from bench.pack.step import ObjectiveModule, PackedStep, overridden, packable
from bench.seeds import stream_seed
from bench.setup import build
from bench.setup.compose import compose
from tests.helpers import tiny

STEPS = 6
BATCH = 20
RATES = (2e-3, 5e-4, 2e-3)
WARM_UPS = (0.05, 0.5, 0.0)
FINALS = (0.0, 0.0, 0.5)
NORMS = (1.0, 0.1, 1e3)
DECAYS = (0.0, 5.0, 50.0)

CASES = {
    "realnvp": ["data=8gaussians", "model.width=32"],
    "realnvp of many coordinates": ["data=digits", "model.width=32", "model.layers=2"],
    "vae": ["data=8gaussians", "model.width=32"],
    "flow_matching": ["data=8gaussians", "model.width=16"],
    "m2 with labels": ["data=digits_binary", "data.labelled=100", "model.width=40"],
    "cnf_fast on a fixed grid": ["data=8gaussians", "model.width=16", "model.steps=2", "model.tableau=rk4"],
    "ae_moment": ["data=8gaussians", "model.width=32"],
    "realnvp_paper": ["data=8gaussians", "model.width=16"],
}
"""A flow; one with an index that each seed permutes its own way; losses that draw; a context; an own objective; running
means of batches."""


class Side:
    """The trainers of three runs, their batches and random states: made twice, it is twice the same.

    With `option` each run's model has another value of it, with `decays` its weights decay.
    """

    def __init__(self, *overrides: str, option: str | None = None, decays: bool = False) -> None:
        self.trainers, self.states = [], []
        for seed, (rate, warmup, final, norm) in enumerate(zip(RATES, WARM_UPS, FINALS, NORMS, strict=True)):
            own = [f"{option}={0.5 + seed}"] if option else []
            config = compose([*overrides, *own, "budget.parameters=null"])
            spec = build.dataset(config).spec
            torch.manual_seed(stream_seed(seed, "initialisation"))
            entry = build.entry_of_width(config, spec, None).train()
            decay = DECAYS[seed] if decays else 0.0
            settings = Optimiser(rate, warmup, final, norm, decay)
            self.trainers.append(entry.trainer(settings))
            torch.manual_seed(stream_seed(seed, "train"))
            self.states.append(RandomState(torch.device("cpu")))
        noise = torch.Generator().manual_seed(0)
        binary = spec.kind == "binary"
        x = torch.randn(STEPS, len(RATES), BATCH, *spec.event_shape, generator=noise)
        self.x = (x > 0).float() if binary else x
        self.contexts: list[Tensor | None] = [None] * STEPS
        if spec.context_size:
            classes = torch.randint(spec.context_size, (STEPS, len(RATES), BATCH), generator=noise)
            hot = torch.nn.functional.one_hot(classes, spec.context_size).float()
            self.contexts = list(hot * (torch.arange(BATCH) < 8)[:, None])

    def alone(self, run: int, step: int) -> Tensor:
        """One run's own step."""
        trainer, context = self.trainers[run], self.contexts[step]
        if context is None:
            return trainer.step(self.x[step, run], step / STEPS)
        return with_context(trainer).step(self.x[step, run], step / STEPS, context[run])

    def packed(self) -> PackedStep:
        context = self.contexts[0]
        with Recording() as recording:
            ObjectiveModule(deepcopy(self.trainers[0]))(self.x[0, 0], *([] if context is None else [context[0]]))
        return PackedStep(self.trainers, self.states, recording.draws)

    def together(self, packed: PackedStep, step: int) -> Tensor:
        return packed.step(self.x[step], step / STEPS, self.contexts[step])

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        for run, trainer in enumerate(self.trainers):
            for name, value in trainer.entry.state_dict().items():
                yield f"{run} {name}", value


@pytest.mark.parametrize(
    ("case", "option"),
    [*((case, None) for case in CASES), ("vae", "model.beta"), ("flow_matching", "model.input_gain")],
)
def test_packed_steps_are_the_steps_of_each(case: str, option: str | None) -> None:
    """Of runs with a learning rate, a schedule and a norm to clip at of their own, and an option of the model.

    Losses to rounding; weights to a hundredth of the way that Adam can have gone.

    They were within 1e-4 of it. Adam makes a whole step of however small a gradient: rounding shows where one is small.
    """
    agree([f"model={case.split()[0]}", *CASES[case]], option)


def agree(overrides: list[str], option: str | None = None, decays: bool = False) -> None:
    """Holds packed steps against those of each run alone."""
    one_by_one, at_once = (Side(*overrides, option=option, decays=decays) for _ in range(2))
    expected = torch.empty(STEPS, len(RATES))
    for run, state in enumerate(one_by_one.states):
        state.restore()
        for step in range(STEPS):
            expected[step, run] = one_by_one.alone(run, step)
    packed = at_once.packed()
    found = torch.stack([at_once.together(packed, step) for step in range(STEPS)])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert expected.unique().numel() == expected.numel()
    packed.write_entries()
    for (name, value), (_, other) in zip(at_once.tensors(), one_by_one.tensors(), strict=True):
        assert (value.double() - other.double()).abs().max() <= 0.01 * STEPS * max(RATES), name


def test_packed_steps_decay_weights_as_each_does() -> None:
    """One run not at all, the others each by its own share."""
    agree(["model=vae", *CASES["vae"]], decays=True)
    assert Side("model=vae", *CASES["vae"]).packed().decay is None


def test_a_step_goes_on_from_what_each_run_remembers() -> None:
    """Two packed steps, two alone and two packed again are six."""
    whole, broken = Side("model=vae", *CASES["vae"]), Side("model=vae", *CASES["vae"])
    packed = whole.packed()
    for step in range(STEPS):
        expected = whole.together(packed, step)
    packed = broken.packed()
    for step in (0, 1):
        broken.together(packed, step)
    packed.write_entries()
    packed.write_trainers()
    for run, state in enumerate(broken.states):
        state.restore()
        for step in (2, 3):
            broken.alone(run, step)
        broken.states[run] = RandomState(torch.device("cpu"))
    packed = broken.packed()
    assert packed.steps_of_adam == 4
    for step in (4, 5):
        found = broken.together(packed, step)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_run_that_is_not_a_number_stays_alone_so() -> None:
    sound, sick = Side("model=realnvp", *CASES["realnvp"]), Side("model=realnvp", *CASES["realnvp"])
    with torch.no_grad():
        next(iter(sick.trainers[1].parameters)).fill_(torch.nan)
    packed, spoilt = sound.packed(), sick.packed()
    for step in range(STEPS):
        expected, found = sound.together(packed, step), sick.together(spoilt, step)
    assert found[1].isnan()
    assert torch.equal(found[[0, 2]], expected[[0, 2]])
    assert torch.equal(spoilt.parameters[[0, 2]], packed.parameters[[0, 2]])


def test_runs_at_different_steps_are_refused() -> None:
    side = Side("model=vae", *CASES["vae"])
    side.alone(1, 0)
    with pytest.raises(Unpackable, match="different steps"):
        side.packed()


class Own(GradientStep):
    def step(self, x, progress):
        return super().step(x, progress / 2)


class Declared(GradientStep):
    packs = True

    def step(self, x, progress):
        return super().step(x, progress)


class Heir(Declared):
    def objective(self, x):
        return 2 * super().objective(x)


class Remembering(Declared):
    def state_dict(self):
        return super().state_dict() | {"more": 1}


def test_only_a_step_that_does_what_the_usual_one_does_is_replaced(own_conf) -> None:
    config = tiny(own_conf, "model=affine")
    entry = build.entry_of_width(config, build.dataset(config).spec, None)
    names = {kind: overridden(kind) for kind in (GradientStep, Own, Declared, Heir, Remembering)}
    assert names == {
        GradientStep: set(),
        Own: {"step"},
        Declared: set(),
        Heir: {"objective"},
        Remembering: {"state_dict"},
    }
    packable([Heir(entry, Optimiser())])
    for kind in (Own, Remembering):
        with pytest.raises(Unpackable, match=f"{kind.__name__} takes a step of its own"):
            packable([kind(entry, Optimiser())])
    with pytest.raises(Unpackable, match="its weights are averaged"):
        packable([GradientStep(entry, Optimiser(), WeightAverage(entry, 0.1))])
    with pytest.raises(Unpackable, match="object takes a step of its own"):
        packable([object()])  # type: ignore[list-item]
    entry.double().shifts.data = entry.shifts.data.float()
    with pytest.raises(Unpackable, match="not of one type"):
        packable([GradientStep(entry, Optimiser())])


def test_an_eager_step_leaves_a_compiled_one_aside() -> None:
    """As it does to count operations, which a compiled update hides."""
    side = Side("model=realnvp", *CASES["realnvp"])
    packed = side.packed()
    calls = []
    packed.update_by = lambda *arguments: (calls.append(1), packed.update(*arguments))[1]
    packed.step(side.x[0], 0.0, eager=True)
    assert not calls
    packed.step(side.x[1], 0.1)
    assert calls == [1]
