"""Labels through the whole of a run: training, resuming, evaluation, and the supervised baseline."""

from pathlib import Path
from typing import Any

import pytest
import torch

from bench import evaluate as evaluation
from bench.config import Config
from bench.data.dataset import Dataset
from bench.evaluate import evaluate
from bench.machine.deadline import Deadline
from bench.models.entry import Entry, HasClassifier
from bench.setup import build
from bench.setup.compose import compose
from bench.training.history import History
from bench.training.loop import train
from bench.training.supervised_baseline import supervised_accuracy

SMALL = [
    "data=digits",
    "budget.parameters=null",
    "budget.steps=12",
    "model.width=40",
    "train.validate_every=4",
    "train.batch_size=64",
    "train.validation_examples=20",
    "train.checkpoint_seconds=1e-9",
    "eval.test_examples=60",
    "eval.importance_samples=4",
    "eval.sample_size=32",
    "eval.projections=4",
]
LABELLED = ["model=m2", "data.labelled=100"]


class Killed(Exception):
    """Stands for a kill between a validation and the next one."""


def built(*words: str) -> tuple[Entry, Dataset, Config]:
    config = compose([*SMALL, *words])
    dataset = build.dataset(config)
    torch.manual_seed(0)
    return build.entry_of_width(config, dataset.spec, None), dataset, config


def trained(checkpoint: Path, report: Any = lambda history, share: None) -> Entry:
    entry, dataset, config = built(*LABELLED)
    train(entry, dataset, config, History(), checkpoint, Deadline(None), report)
    return entry


def test_a_killed_run_with_labels_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    def report(history: History, share: float) -> None:
        if len(history.rows) == 2:
            raise Killed

    whole = trained(tmp_path / "whole")
    with pytest.raises(Killed):
        trained(tmp_path / "c", report)
    again = trained(tmp_path / "c")
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))


def test_labels_reach_the_loss(tmp_path: Path) -> None:
    """Without them the classifier's loss would have no label to weigh, and α would change nothing."""
    entries = []
    for alpha in (0, 50):
        entry, dataset, config = built(*LABELLED, f"model.alpha={alpha}")
        train(entry, dataset, config, History(), tmp_path / f"{alpha}", Deadline(None), lambda *_: None)
        entries.append(entry)
    first, second = ([*entry.parameters()] for entry in entries)
    assert not all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_accuracy_stands_beside_that_of_labels_alone() -> None:
    entry, dataset, config = built(*LABELLED)
    before = torch.get_rng_state()
    record = evaluate(entry, dataset, config.eval, Deadline(None))[0]
    assert torch.equal(before, torch.get_rng_state())
    assert record["labelled"] == 100
    # An untrained net guesses one digit in ten, 60 times: 0.1 with a standard error of 0.04.
    assert record["accuracy"] < 0.3
    assert record["accuracy_supervised"] > 0.7
    assert "cluster_accuracy" not in record


def test_the_baseline_starts_from_the_seed_of_the_run(monkeypatch) -> None:
    entry, dataset, config = built(*LABELLED)
    seeds = []
    monkeypatch.setattr(
        evaluation, "supervised_accuracy", lambda entry, dataset, x, seed: float(seeds.append(seed) or 0)
    )
    for seed in (0, 5):
        evaluate(entry, dataset, config.eval, Deadline(None), seed)
    assert seeds == [0, 5]


def test_clusters_are_held_against_labels_that_no_entry_saw() -> None:
    entry, dataset, config = built("model=gmvae")
    record = evaluate(entry, dataset, config.eval, Deadline(None))[0]
    assert 0.1 <= record["cluster_accuracy"] < 0.8
    assert 0 <= record["cluster_nmi"] < 0.8
    assert record.keys().isdisjoint({"labelled", "accuracy", "accuracy_supervised"})


def test_an_entry_without_classes_has_no_accuracy() -> None:
    entry, dataset, config = built("model=vae")
    record = evaluate(entry, dataset, config.eval, Deadline(None))[0]
    assert record.keys().isdisjoint({"labelled", "accuracy", "cluster_accuracy", "cluster_nmi"})


def test_the_baseline_learns_from_the_labels_in_sight_and_follows_from_its_seed() -> None:
    """Ten labels against a hundred, whose accuracies lie ten standard errors of 360 test digits apart."""
    found = []
    for labelled in (10, 10, 100):
        entry, dataset, _ = built("model=m2", f"data.labelled={labelled}", "model.width=160")
        assert isinstance(entry, HasClassifier)
        found.append(supervised_accuracy(entry, dataset, dataset.fixed(dataset.test, 0), seed=3))
    ten, again, hundred = found
    assert ten == again
    assert 0.3 < ten < hundred - 0.2
    assert hundred > 0.8
