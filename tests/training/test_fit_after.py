from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bench import run as run_module
from bench.config import Config
from bench.errors import Diverged, TimedOut
from bench.machine.deadline import Deadline
from bench.record.store import Record
from bench.run import run
from bench.setup import build
from bench.setup.compose import compose
from bench.training import fit_after
from bench.training.fit_after import examples, finish
from bench.training.history import History
from tests.helpers import CLOCKS, TINY, cell_in


class Killed(BaseException):
    """Stands for a kill: nothing in the package catches it."""


def config(*overrides: str) -> Config:
    return compose([*TINY, "model=ae_expost", "model.components=3", "budget.parameters=300", *overrides])


def made(root: Path) -> tuple[Record, dict[str, torch.Tensor]]:
    cell = cell_in(config(), root)
    record = run(cell, lambda history, share: None)
    return record, load_file(cell.folder.path / "weights.safetensors")


def test_what_is_fitted_is_in_the_stored_weights_and_the_same_after_a_kill(tmp_path, monkeypatch) -> None:
    record, weights = made(tmp_path / "straight")
    assert record["status"] == "ok"
    assert record["family"] == "autoencoder"
    assert weights["decoder.scale"] != 1
    assert weights["density.means"].abs().max() > 0

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "evaluate", killed)
        with pytest.raises(Killed):
            made(tmp_path / "killed")
    resumed, again = made(tmp_path / "killed")
    differ = {name for name in record.keys() | resumed.keys() if record.get(name) != resumed.get(name)}
    assert differ <= CLOCKS | {"git_commit"}
    assert weights.keys() == again.keys()
    assert all(torch.equal(value, again[name]) for name, value in weights.items())


@pytest.mark.parametrize(("model", "counted"), [("ae", True), ("vae", False)])
def test_its_seconds_are_training_seconds_of_entries_that_have_it(model: str, counted: bool) -> None:
    tiny = compose([*TINY, f"model={model}"])
    dataset = build.dataset(tiny)
    entry, history = build.entry_of_width(tiny, dataset.spec, None), History(seconds=5.0)
    finish(entry, dataset, 0, history, Deadline(None))
    assert (history.seconds > 5.0) == counted


@pytest.mark.parametrize(("model", "seen"), [("ae", 200), ("gaussian", 256)])
def test_an_entry_that_is_fitted_gets_all_training_examples_and_others_get_some(model, seen, monkeypatch) -> None:
    monkeypatch.setattr("bench.training.fit_after.EXAMPLES", 200)
    tiny = compose([*TINY, f"model={model}"])
    dataset, sizes = build.dataset(tiny), list[int]()
    entry = build.entry_of_width(tiny, dataset.spec, None)
    monkeypatch.setattr(type(entry), "finish", lambda self, x: sizes.append(len(x)))
    finish(entry, dataset, 0, History(), Deadline(None))
    assert sizes == [seen] == [examples(entry, dataset)]


def test_a_fitted_entry_is_given_what_fits_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = compose([*TINY, "model=gaussian"])
    dataset = build.dataset(tiny)
    entry = build.entry_of_width(tiny, dataset.spec, None)
    assert examples(entry, dataset) == len(dataset.train)
    monkeypatch.setattr(fit_after, "FITTED_COORDINATES", 100 * dataset.spec.dim)
    assert examples(entry, dataset) == 100


def test_it_depends_on_the_runs_seed_alone_and_leaves_the_mode() -> None:
    dataset = build.dataset(config())
    means = []
    for state, seed in [(1, 0), (2, 0)]:
        torch.manual_seed(9)
        entry = build.entry_of_width(config(), dataset.spec, None)
        torch.manual_seed(state)
        finish(entry.train(), dataset, seed, History(), Deadline(None))
        assert entry.training
        means.append(entry.state_dict()["density.means"])
    assert torch.equal(means[0], means[1])


def test_a_divergence_says_that_it_is_in_what_is_fitted_and_of_which_entry() -> None:
    dataset = build.dataset(config())
    entry = build.entry_of_width(config(), dataset.spec, None)
    with torch.no_grad():
        next(entry.parameters()).fill_(float("nan"))
    with pytest.raises(Diverged, match="training examples is nan, in what AEExPost fits after training"):
        finish(entry, dataset, 0, History(), Deadline(None))


def test_it_is_not_begun_after_the_deadline() -> None:
    dataset = build.dataset(config())
    with pytest.raises(TimedOut):
        finish(build.entry_of_width(config(), dataset.spec, None), dataset, 0, History(), Deadline(1e-9))


@pytest.mark.parametrize("model", ["gaussian", "ae"])
def test_where_not_all_rows_are_given_they_are_rows_at_random_streamed_or_not(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = compose([*TINY, f"model={model}"])
    dataset = build.dataset(tiny)
    dataset = replace(dataset, train=torch.arange(float(dataset.train.numel())).reshape(dataset.train.shape))
    entry, given = build.entry_of_width(tiny, dataset.spec, None), list[torch.Tensor]()
    monkeypatch.setattr(type(entry), "finish", lambda self, x: given.append(x))
    monkeypatch.setattr(fit_after, "EXAMPLES", 60)
    finish(entry, dataset, 0, History(), Deadline(None))
    assert torch.equal(given[0], dataset.train) == (model == "gaussian")
    monkeypatch.setattr(fit_after, "FITTED_COORDINATES", 100 * dataset.spec.dim)
    for seed, streamed in ((0, False), (0, True), (1, True)):
        finish(entry, replace(dataset, streamed=streamed), seed, History(), Deadline(None))
    first, again, other = (x[:, 0] for x in given[1:])
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    for rows in (first, other):
        assert len(rows) == len(rows.unique()) == (100 if model == "gaussian" else 60)
        assert float((rows / dataset.train[:, 0].max()).mean()) == pytest.approx(0.5, abs=0.1)
