"""A density that knows its training examples, and one that does not."""

import pytest
import torch

from bench.data.toy import toy
from bench.metrics.likelihood_gap import likelihood_gap
from bench.models.entry import LogProb
from tests.own_entries import LossOnly


class Remembers(LossOnly):
    """A kernel density of the training examples."""

    known: torch.Tensor
    width = 0.05

    def log_prob(self, x, context=None) -> LogProb:
        squared = torch.cdist(x.double(), self.known.double()).square()
        kernels = -0.5 * squared / self.width**2 - 2 * torch.tensor(self.width).log() - torch.tensor(2 * torch.pi).log()
        return LogProb(kernels.logsumexp(1) - torch.tensor(float(len(self.known))).log(), "exact", False)


def gap(train_of: str) -> dict:
    dataset = toy("8gaussians", train=400, validation=200, test=500)
    entry = Remembers(dataset.spec, width=4)
    entry.known = getattr(dataset, train_of)
    return likelihood_gap(entry, dataset, 500, 1000, 0)


def test_what_was_remembered_is_seen_and_what_was_not_is_not() -> None:
    remembered, unseen = gap("train"), gap("validation")
    assert remembered["likelihood_gap_nats"] > 4 * remembered["likelihood_gap_error"]
    assert abs(unseen["likelihood_gap_nats"]) < 4 * unseen["likelihood_gap_error"]


def test_it_is_the_difference_of_means_in_the_report_space() -> None:
    dataset = toy("8gaussians", train=400, validation=200, test=500)
    entry = Remembers(dataset.spec, width=4)
    entry.known = dataset.train
    by_hand = [entry.log_prob(part).value for part in (dataset.train, dataset.test[:300])]
    found = likelihood_gap(entry, dataset, 300, 64, 0)
    assert found["likelihood_gap_nats"] == pytest.approx((by_hand[0].mean() - by_hand[1].mean()).item())
    error = (by_hand[0].var() / 400 + by_hand[1].var() / 300).sqrt()
    assert found["likelihood_gap_error"] == pytest.approx(error.item())


def test_an_entry_without_a_likelihood_has_none() -> None:
    dataset = toy("8gaussians", train=40, validation=20, test=50)
    assert likelihood_gap(LossOnly(dataset.spec, width=4), dataset, 50, 64, 0) == {}
