"""What an entry names for evaluation is validated, kept and evaluated; what it trains goes on as if nothing were."""

import pytest
import torch

from bench.config import Config
from bench.data.dataset import Dataset
from bench.errors import BenchError
from bench.machine.deadline import Deadline
from bench.models.parts.evaluation_weights import evaluation_weights
from bench.setup import build
from bench.setup.compose import compose
from bench.training.checkpoint import load_state
from bench.training.history import History
from bench.training.loop import Loop, train
from bench.training.validation import Validation

AVERAGED = ["model.average=0.1"]
TARFLOW = ["model=tarflow", "data=digits", "model.width=16", "model.blocks=2", "model.layers=1"]
UNET = ["model=flow_matching_unet", "data=digits", "model.width=16", "model.blocks=1", "train.validation_examples=32"]
SMALL = ["budget.parameters=null", "budget.steps=12", "train.validate_every=4", "train.checkpoint_seconds=0.0001"]
MODELS = pytest.mark.parametrize("model", [TARFLOW, UNET], ids=["tarflow", "flow_matching_unet"])


def shown_to(config: Config) -> Dataset:
    """The data in the form in which the entry takes them."""
    return build.dataset(config).as_asked(*build.entry_class(config).picture_form(config.model))


def begun(overrides: list[str]) -> Loop:
    config = compose([*SMALL, *overrides])
    dataset = shown_to(config)
    torch.manual_seed(0)
    entry = build.entry_of_width(config, dataset.spec, None)
    return Loop(entry, dataset, config, History(), Deadline(None))


@MODELS
def test_training_is_that_without_an_average_and_the_average_is_validated(model: list[str]) -> None:
    plain, averaged = begun(model), begun([*model, *AVERAGED])
    for loop in (plain, averaged):
        torch.manual_seed(1)
        for _ in range(2):
            loop.interval()
            loop.validate()
    for name, value in plain.entry.named_parameters():
        assert torch.equal(value, averaged.entry.get_parameter(name)), name
    losses, values = ([[row[k] for row in loop.history.rows] for loop in (plain, averaged)] for k in (2, 3))
    assert losses[0] == losses[1]
    assert values[0] != values[1]
    named = averaged.entry.evaluation_weights()
    assert all(torch.equal(averaged.best.weights[name], value) for name, value in named.items())
    with evaluation_weights(averaged.entry):
        again = Validation(averaged.dataset, averaged.config).value(averaged.entry, Deadline(None))[0]
    assert again == averaged.history.best_value


@MODELS
def test_a_run_leaves_the_average_as_its_weights_also_after_a_kill(model: list[str], tmp_path) -> None:
    config = compose([*SMALL, *model, *AVERAGED])
    dataset = shown_to(config)

    class Killed(Exception):
        """Stands for a kill after the second validation."""

    def kill(history: History, share: float) -> None:
        if history.step == 8:
            raise Killed

    def run(checkpoint: str, report=lambda history, share: None):
        torch.manual_seed(0)
        entry = build.entry_of_width(config, dataset.spec, None)
        train(entry, dataset, config, History(), tmp_path / checkpoint, Deadline(None), report)
        return entry

    whole = run("whole")
    with pytest.raises(Killed):
        run("killed", kill)
    assert load_state(tmp_path / "killed") is not None
    resumed = run("killed")
    assert whole.average.steps == 12
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    for name, value in whole.evaluation_weights().items():
        assert torch.equal(value, whole.get_parameter(name)), name


def test_weights_come_back_after_an_error() -> None:
    entry = begun([*TARFLOW, *AVERAGED]).entry
    before = {name: value.detach().clone() for name, value in entry.named_parameters()}
    for value in entry.evaluation_weights().values():
        value.add_(1)
    name = next(iter(before))

    def fail_inside() -> None:
        with evaluation_weights(entry):
            assert torch.equal(entry.get_parameter(name), before[name] + 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_inside()
    assert all(torch.equal(value, before[name]) for name, value in entry.named_parameters())


def test_weights_of_another_shape_or_name_are_refused_before_any_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = begun([*TARFLOW, *AVERAGED]).entry
    before = {name: value.detach().clone() for name, value in entry.named_parameters()}
    *_, last = before
    named = entry.evaluation_weights()
    for wrong in ({**named, last: torch.zeros(())}, {**named, "nothing": torch.zeros(1)}):
        monkeypatch.setattr(entry, "evaluation_weights", lambda wrong=wrong: wrong)
        with pytest.raises(BenchError, match="give weights by the names"), evaluation_weights(entry):
            pass
        assert all(torch.equal(value, before[name]) for name, value in entry.named_parameters())


@MODELS
def test_without_an_average_there_is_nothing_to_name(model: list[str]) -> None:
    entry = begun(model).entry
    assert entry.evaluation_weights() == {}
    assert not list(entry.buffers()) or "average" not in dict(entry.named_children())
