"""Failures that are constructed: each lies outside the 95 % range of a metric's floor, fresh examples do not."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import pytest
import torch
from torch import Tensor

from bench.data.dataset import Dataset
from bench.data.digits import digits
from bench.data.toy import toy
from bench.errors import Diverged
from bench.metrics.samples import check_finite, floor_columns, sample_quality
from bench.record.sample_metrics import SAMPLE_METRICS, copycat, floor, floor_sd, half_range, off_floor
from bench.record.store import Record

MISSING_CLASS = 3


def quality(samples: Tensor, real: Tensor, dataset: Dataset) -> Record:
    return sample_quality(samples, real, dataset, projections=64, trees=10, batch_rows=1000, seed=0)


def off(record: Record) -> dict[str, int]:
    """The metrics off their floor, and whether above (1) or below."""
    sides = {n: off_floor(record[n], record[floor(n)], record[floor_sd(n)]) for n in SAMPLE_METRICS if n in record}
    return {name: side for name, side in sides.items() if side}


@lru_cache
def eight() -> tuple[Dataset, Tensor]:
    """8gaussians, and fresh draws."""
    return toy("8gaussians"), toy("8gaussians", seed=1, train=4000, validation=1, test=1).train


def of_eight(samples: Tensor) -> Record:
    dataset, _ = eight()
    return quality(samples[:2000], dataset.test[:2000], dataset)


def modes(x: Tensor) -> Tensor:
    """The number of each point's mode, 0 to 7, counted along the circle."""
    return (torch.atan2(x[:, 1], x[:, 0]) / (torch.pi / 4)).round() % 8


@lru_cache
def pictures() -> tuple[Dataset, Tensor, Tensor]:
    """Digits of which the last 357 training examples and the validation split are nobody's, and those with labels."""
    whole = digits("digits")
    train, validation, _ = whole.labels
    unseen = torch.cat([whole.train[720:], whole.validation])
    return replace(whole, train=whole.train[:720]), unseen, torch.cat([train[720:], validation])


def of_pictures(raw: Tensor) -> Record:
    dataset, _, _ = pictures()
    real = dataset.space.to_data(dataset.fixed(dataset.test, 1))
    return quality(dataset.space.to_data(dataset.fixed(raw, 2))[:360], real, dataset)


def test_fresh_draws_lie_on_the_floor_of_most_metrics() -> None:
    """One metric in twenty lies off by chance, and some go together: three of ten do in a thirtieth of trials."""
    _, fresh = eight()
    record = of_eight(fresh)
    assert len(off(record)) <= 3
    assert record["c2st_examples"] is None
    assert [size for size, _ in record["c2st_curve"]] == [20, 50, 100, 200, 500, 1000]


def test_copies_of_training_examples_are_seen_by_authenticity_and_c_t() -> None:
    record = of_eight(eight()[0].train)
    assert {"authenticity": -1, "c_t": -1}.items() <= off(record).items()
    assert record[copycat("authenticity")] == 0
    assert record[copycat("c_t")] < record["c_t"] < -3, "half of these copies are among the draw that was left out"
    assert "c2st" not in off(record)


def test_a_missing_mode_is_seen_by_recall_coverage_and_distances() -> None:
    """An eighth of the real points lies where no sample is."""
    _, fresh = eight()
    record = of_eight(fresh[modes(fresh) != 0])
    assert {"recall": -1, "coverage": -1, "mmd2": 1, "energy_distance": 1, "sliced_w2": 1}.items() <= off(
        record
    ).items()
    assert record["recall"] == pytest.approx(7 / 8, abs=0.03)


def test_a_wider_spread_within_modes_is_seen_by_c_t() -> None:
    _, fresh = eight()
    angle = modes(fresh) * torch.pi / 4
    centres = fresh.norm(dim=1).mean() * torch.stack([angle.cos(), angle.sin()], 1)
    assert off(of_eight(centres + 1.3**0.5 * (fresh - centres)))["c_t"] == 1


def test_a_missing_class_is_seen_by_the_classes_of_features() -> None:
    _, unseen, labels = pictures()
    record = of_pictures(unseen[labels != MISSING_CLASS])
    assert off(record)["class_chi2"] == 1
    assert {"class_chi2", "authenticity"}.isdisjoint(off(of_pictures(unseen)))


def test_copies_of_pictures_are_seen_by_authenticity_and_c_t() -> None:
    record = of_pictures(pictures()[0].train)
    assert {"authenticity": -1, "c_t": -1}.items() <= off(record).items()
    assert len(record["features_hash"]) == 8


def small(n: int = 60) -> Iterator[Dataset]:
    yield toy("moons", train=4 * n, validation=2, test=n)


def test_every_metric_has_its_floor_spread_and_copycat_and_numbers_come_again() -> None:
    (dataset,) = small()
    samples = torch.randn(60, 2)
    record = quality(samples, dataset.test, dataset)
    plain = [name for name in SAMPLE_METRICS if not name.startswith(("feature_", "class_"))]
    wanted = {of(name) for name in plain for of in (str, floor, floor_sd, copycat)}
    assert record.keys() == wanted | {"c2st_examples", "c2st_curve", "features_hash"}
    assert record["features_hash"] == "not_applicable"
    assert quality(samples, dataset.test, dataset) == record


def test_floors_and_copycats_are_the_same_for_every_model() -> None:
    (dataset,) = small()
    one, other = (quality(scale * torch.randn(60, 2), dataset.test, dataset) for scale in (1, 3))
    controls = [name for name in one if name.endswith(("_floor", "_floor_sd", "_copycat"))]
    assert {name: one[name] for name in controls} == {name: other[name] for name in controls}
    assert one["sliced_w2"] != other["sliced_w2"]


def test_the_range_of_a_floor_holds_nineteen_of_twenty_new_sets_though_draws_overlap() -> None:
    """Means of normal numbers: draws without replacement from a training split, and of a new set of as many."""
    torch.manual_seed(0)
    held, trials, n, total = 0, 4000, 20, 40
    for _ in range(trials):
        train = torch.randn(total)
        draws = [{"x": train[torch.randperm(total)[:n]].mean().item()} for _ in range(5)]
        floors = floor_columns(draws, n / total)
        held += abs(torch.randn(n).mean().item() - floors["x_floor"]) <= half_range(floors["x_floor_sd"])
    # binomial sd .0034; a deviation that is not widened would hold .87
    assert held / trials == pytest.approx(0.95, abs=0.02)


def test_broken_samples_are_a_divergence() -> None:
    samples = torch.randn(20, 2)
    samples[3, 0], samples[5] = torch.nan, torch.inf
    with pytest.raises(Diverged, match="2 of 20 samples"):
        check_finite(samples)
