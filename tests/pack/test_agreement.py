import pytest
import torch

from bench.machine.deadline import Deadline
from bench.models.entry import Entry
from bench.pack.agreement import agreed_draws, close
from bench.pack.draws import Unpackable
from bench.pack.loop import Member
from bench.setup import build
from bench.training.history import History
from bench.training.loop import Loop
from tests.helpers import tiny
from tests.own_entries import Noisy


class Odd(Noisy):
    """Sound while `own`, which no tensor holds and which is no fraction, is alike in all runs."""

    own = 0


class OddLoss(Odd):
    def loss(self, x, context=None):
        return super().loss(x) + self.own


class OddGradient(Odd):
    def loss(self, x, context=None):
        return super().loss(x) + self.own * (self.shifts - self.shifts.detach()).sum()


class OddBuffer(Odd):
    def loss(self, x, context=None):
        self.calls += self.own
        return super().loss(x)


class OddDraws(Odd):
    def loss(self, x, context=None):
        return super().loss(x) + (0 * torch.rand(3).sum() if self.own else 0)


class Reseeding(Odd):
    def loss(self, x, context=None):
        loss = super().loss(x)
        if self.own:
            torch.manual_seed(7)
        return loss


class Dropout(Odd):
    def loss(self, x, context=None):
        return super().loss(torch.nn.functional.dropout(x))


def members_of(cls: type[Entry], conf, folder, own: int) -> list[Member]:
    """Two runs, the second with another value of `own`."""
    members = []
    for seed, value in enumerate((0, own)):
        config = tiny(conf, "model=noisy", f"seed={seed}")
        dataset = build.dataset(config)
        entry = cls(dataset.spec, width=4)
        entry.own = value  # type: ignore[attr-defined]
        members.append(Member(Loop(entry, dataset, config, History(), Deadline(None)), folder / f"{seed}"))
    return members


ODD = {
    OddLoss: r"its loss is .* when packed and .* alone",
    OddGradient: "its gradient is another when packed",
    OddBuffer: "its loss leaves other buffers behind",
    OddDraws: "do not all draw the same",
    Reseeding: "in a way that cannot be foreseen",
}


@pytest.mark.parametrize("cls", ODD)
def test_what_differs_beside_tensors_is_found(cls: type[Entry], own_conf, tmp_path) -> None:
    with pytest.raises(Unpackable, match=ODD[cls]):
        agreed_draws(members_of(cls, own_conf, tmp_path, own=2))
    assert len(agreed_draws(members_of(cls, own_conf, tmp_path, own=0))) == 1


def test_draws_that_nobody_sees_are_found(own_conf, tmp_path) -> None:
    with pytest.raises(Unpackable, match="random"):
        agreed_draws(members_of(Dropout, own_conf, tmp_path, own=0))


def test_a_trial_changes_nothing(own_conf, tmp_path) -> None:
    members = members_of(Odd, own_conf, tmp_path, own=0)
    before = [({k: v.clone() for k, v in m.loop.entry.state_dict().items()}, m.random_state.copy()) for m in members]
    agreed_draws(members)
    for member, (state, random_state) in zip(members, before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in member.loop.entry.state_dict().items())
        assert member.random_state.same_as(random_state)
        assert all(parameter.grad is None for parameter in member.loop.entry.parameters())


def test_numbers_are_close_in_norm_and_not_numbers_only_together() -> None:
    x = torch.tensor([1.0, 2.0, torch.nan])
    assert close(x, x, 1e-6)
    assert close(x + 1e-4, x, 1e-3)
    assert not close(x + 1e-2, x, 1e-3)
    assert not close(x, torch.tensor([1.0, 2.0, 3.0]), 1e3)
    assert not close(torch.tensor([torch.inf, 2.0]), torch.tensor([1.0, 2.0]), 1e-3)
