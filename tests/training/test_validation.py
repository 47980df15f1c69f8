import math

import pytest
import torch

from bench.errors import Diverged
from bench.machine.deadline import Deadline
from bench.metrics.mmd import mmd2
from bench.setup import build
from bench.setup.compose import compose
from bench.training import validation
from bench.training.validation import Validation
from tests.helpers import tiny
from tests.own_entries import LossOnly


def test_the_value_of_a_density_is_its_mean_nll_in_the_report_space(own_conf) -> None:
    config = compose(["model=affine", "data=digits"], own_conf)
    data = build.dataset(config)
    entry = build.entry_of_width(config, data.spec, None)
    validation = Validation(data, config)
    value, name = validation.value(entry, Deadline(None))
    with torch.no_grad():
        expected = -(entry.log_prob(validation.x).value + data.space.log_det(validation.x)).mean()
    assert name == "nll(exact)"
    assert value == pytest.approx(float(expected), rel=1e-6)
    assert len(validation.x) == len(data.validation)


def test_the_value_of_weights_is_a_bound_of_the_validations_own_size(own_conf) -> None:
    config = tiny(own_conf, "model=vae", "budget.parameters=null")
    data = build.dataset(config)
    value, name = Validation(data, config).value(build.entry_of_width(config, data.spec, None), Deadline(None))
    assert name == "nll(iwae-4)"
    assert math.isfinite(value)


def test_an_entry_without_a_likelihood_is_validated_by_its_loss(own_conf) -> None:
    config = tiny(own_conf, "model=loss_only")
    data = build.dataset(config)
    entry = build.entry_of_width(config, data.spec, None)
    value, name = Validation(data, config).value(entry, Deadline(None))
    assert name == "loss"
    with torch.no_grad():
        assert value == pytest.approx(float(entry.loss(data.validation).mean()), rel=1e-6)


def test_an_objective_that_is_no_bound_is_validated_by_itself(own_conf) -> None:
    config = tiny(own_conf, "model=vae_mean", "budget.parameters=null")
    data = build.dataset(config)
    entry, validation = build.entry_of_width(config, data.spec, None), Validation(data, config)
    value, name = validation.value(entry, Deadline(None))
    assert name == "loss"
    with torch.no_grad():
        expected = float((entry.eval().loss(validation.x) - validation.log_det).mean())
    assert value == pytest.approx(expected, rel=1e-6)


class BySamples(LossOnly):
    validated_by = "mmd2"


def test_an_entry_may_be_validated_by_its_samples_in_data_space(own_conf) -> None:
    config = compose(["model=loss_only", "data=digits", "train.validation_examples=60"], own_conf)
    data = build.dataset(config)
    entry, validation = BySamples(data.spec, width=4).train(), Validation(data, config)
    value, name = validation.value(entry, Deadline(None))
    assert (name, entry.training) == ("mmd2", True)
    assert validation.value(entry, Deadline(None))[0] == value
    to_data = data.space.to_data
    values = [mmd2(to_data(entry.sample(60)), to_data(validation.x)) for _ in range(20)]
    # The same law drawn twenty times more: within their range, widened by itself.
    assert 2 * min(values) - max(values) < value < 2 * max(values) - min(values)


def test_samples_that_are_not_finite_are_a_divergence(own_conf) -> None:
    config = tiny(own_conf, "model=loss_only")
    data = build.dataset(config)
    entry = BySamples(data.spec, width=4)
    with torch.no_grad():
        entry.shifts.fill_(math.nan)
    with pytest.raises(Diverged, match="the validation mmd2 is nan"):
        Validation(data, config).value(entry, Deadline(None))


def test_only_the_first_examples_are_looked_at(own_conf) -> None:
    config = tiny(own_conf, "model=affine", "train.validation_examples=10")
    data = build.dataset(config)
    assert torch.equal(Validation(data, config).x, data.validation[:10])


@pytest.mark.parametrize("model", ["vae", "noisy", "loss_only"])
def test_it_repeats_and_leaves_random_state_and_modes_alone(model: str, own_conf) -> None:
    config = tiny(own_conf, f"model={model}", "budget.parameters=null")
    data = build.dataset(config)
    entry = build.entry_of_width(config, data.spec, None).train()
    before = torch.get_rng_state()
    first = Validation(data, config).value(entry, Deadline(None))
    assert torch.equal(before, torch.get_rng_state())
    assert entry.training
    torch.manual_seed(99)
    assert Validation(data, config).value(entry, Deadline(None)) == first


@pytest.mark.parametrize("model", ["affine", "loss_only"])
def test_a_value_that_is_not_finite_is_a_divergence(model: str, own_conf) -> None:
    config = tiny(own_conf, f"model={model}")
    data = build.dataset(config)
    entry = build.entry_of_width(config, data.spec, None)
    with torch.no_grad():
        entry.shifts.fill_(math.nan)
    with pytest.raises(Diverged):
        Validation(data, config).value(entry, Deadline(None))


class Noisier(LossOnly):
    """A loss that is larger in training mode, and counts how many examples it is given at once."""

    most = 0

    def loss(self, x, context=None):
        self.most = max(self.most, len(x))
        return super().loss(x) + self.training


def test_a_loss_is_taken_in_evaluation_mode_and_in_chunks(own_conf, monkeypatch) -> None:
    monkeypatch.setattr(validation, "BATCH_ROWS", 10)
    config = tiny(own_conf, "model=loss_only")
    data = build.dataset(config)
    entry = Noisier(data.spec, width=4).train()
    plain = LossOnly(data.spec, width=4)
    plain.load_state_dict(entry.state_dict())
    value, _ = Validation(data, config).value(entry, Deadline(None))
    assert value == Validation(data, config).value(plain.eval(), Deadline(None))[0]
    assert entry.most <= 10
    assert entry.training
