import math
from pathlib import Path

import pytest
import torch

from bench.config import Config
from bench.errors import Diverged
from bench.machine.deadline import Deadline
from bench.models.entry import Entry
from bench.setup import build
from bench.training.first_nan import Watch, with_first_nan
from bench.training.history import History
from bench.training.loop import train
from tests.helpers import tiny
from tests.own_entries import Noisy


class Breaking(Noisy):
    """Once `at_step` steps are behind it, one term of its loss breaks, or the gradient of one, or validation."""

    term = "penalty"

    def loss(self, x, context=None):
        fit = super().loss(x)
        return fit + (self.penalty(fit) if self.training and self.calls >= 8 else 0)

    def penalty(self, fit):
        return {"penalty": self.logarithm, "gradient": self.root, "own": self.refuse}.get(self.term, torch.zeros_like)(
            fit
        )

    def logarithm(self, fit):
        return torch.log(-fit.square())

    def root(self, fit):
        return torch.sqrt(fit - fit)

    def refuse(self, fit):
        raise Diverged("the concentration is inf")

    def log_prob(self, x, context=None):
        density = super().log_prob(x)
        if self.term == "validation" and not torch.is_grad_enabled() and self.calls >= 8:
            return density._replace(value=self.logarithm(density.value))
        return density


def message(entry: Entry, config: Config, checkpoint: Path) -> str:
    """What a training of `entry` that diverges is said to have died of."""
    dataset = build.dataset(config)
    deadline = Deadline(None)
    with pytest.raises(Diverged) as raised:
        train(entry, dataset, config, History(), checkpoint, deadline, lambda *_: None)
    return str(with_first_nan(raised.value, entry, dataset, config, checkpoint, deadline))


@pytest.mark.parametrize("seconds", [1e-9, 1000.0], ids=["from the last checkpoint", "from the first"])
@pytest.mark.parametrize(
    ("term", "expected"),
    [
        (
            "penalty",
            "the training loss is nan at step 8: "
            "NaN first in Breaking.loss > Breaking.penalty > Breaking.logarithm (log)",
        ),
        (
            "gradient",
            "the training loss is nan at step 9: infinity first in the gradient, SqrtBackward0 (div), "
            "NaN first in the gradient, SubBackward0 (add)",
        ),
        ("own", "the concentration is inf at step 8"),
        (
            "validation",
            "of 64 examples: NaN or +inf for 64, -inf for 0 in the validation after step 10: "
            "NaN first in Breaking.log_prob > Breaking.logarithm (log)",
        ),
    ],
)
def test_the_step_and_the_term_that_broke_are_named(
    term: str, expected: str, seconds: float, own_conf, tmp_path
) -> None:
    config = tiny(own_conf, "model=noisy", f"train.checkpoint_seconds={seconds}")
    entry = Breaking(build.dataset(config).spec, width=6)
    entry.term = term
    assert message(entry, config, tmp_path / "c").endswith(expected)


class Overflowing(Noisy):
    """The weights that it is evaluated with break its density, those that it trains do not."""

    def evaluation_weights(self):
        return {"log_scale": torch.full_like(self.log_scale, -1e3 if self.calls >= 8 else 0.0)}


def test_a_validation_is_taken_again_with_the_weights_that_it_had(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=noisy")
    entry = Overflowing(build.dataset(config).spec, width=6)
    told = message(entry, config, tmp_path / "c")
    assert told.endswith("in the validation after step 10: infinity first in Affine.log_prob > Affine.encode (exp)")


def test_no_term_is_named_without_a_checkpoint(own_conf, tmp_path) -> None:
    config = tiny(own_conf, "model=diverging")
    dataset = build.dataset(config)
    reason = Diverged("the loss is nan at step 7", 7)
    entry = build.entry_of_width(config, dataset.spec, None)
    assert with_first_nan(reason, entry, dataset, config, tmp_path / "none", Deadline(None)) is reason


def test_the_first_nan_counts_and_the_first_infinity_before_it() -> None:
    with Watch() as watch:
        mask = torch.zeros(3).masked_fill(torch.tensor([True, False, False]), -math.inf)
        torch.softmax(mask, 0).log()
        broken = torch.zeros(2) / torch.zeros(2)
        torch.sqrt(broken - 1) + 1 / torch.zeros(2)
    assert {what: where.split()[-1] for what, where in watch.places.items()} == {
        "infinity": "(masked_fill)",
        "NaN": "(div)",
    }
    assert watch.place.startswith("infinity first in ")


def test_operations_in_place_and_on_lists_are_watched() -> None:
    with Watch() as watch:
        torch.full((2,), -1.0).add_(0).log_()
    assert watch.place.endswith("(log_)")
    with Watch() as watch:
        torch._foreach_sqrt([torch.ones(2), -torch.ones(2)])
    assert watch.place.endswith("(_foreach_sqrt)")
