"""Data sets that each break one contract, and the table of them all."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from bench.data.dataset import Dataset
from bench.data.spaces import Binary, DequantisedLogit, Identity
from bench.data.standardised import Standardised
from bench.spec import DataSpec


def cut(x, spec=None, space=None, **more) -> Dataset:
    """60, 20 and 20 % of the rows, in order."""
    a, b = int(0.6 * len(x)), int(0.8 * len(x))
    return Dataset("mine", spec or DataSpec(tuple(x.shape[1:])), space or Identity(), x[:a], x[a:b], x[b:], **more)


def normal(seed: int = 0):
    return torch.randn(500, 3, generator=torch.Generator().manual_seed(seed))


def integers():
    return torch.randint(16, (500, 4), generator=torch.Generator().manual_seed(0))


# Sound


def real() -> Dataset:
    return cut(normal())


def levels() -> Dataset:
    x = integers()
    return cut(x, DataSpec((4,), "discrete", 16), DequantisedLogit.fitted(x[:300], 16, 0.005))


def bits() -> Dataset:
    return cut(integers(), DataSpec((4,), "binary"), Binary(16))


def units() -> Dataset:
    rows = normal().double().numpy() * [1e-3, 1.0, 1e3] + 1e3
    space = Standardised.fitted(rows[:300])
    return cut(space.standardised(rows), space=space)


def pictures() -> Dataset:
    return replace(levels(), image_shape=(2, 2)).shaped()


def drawn() -> Dataset:
    def of_seed(seed: int) -> Dataset:
        return replace(cut(normal(seed)), by_seed=of_seed, varies="training draw")

    return of_seed(0)


SOUND = [real, levels, bits, units, pictures, drawn]


# Broken


def too_few() -> Dataset:
    return replace(real(), test=normal()[:3])


def other_columns() -> Dataset:
    return replace(real(), validation=normal()[:50, :2])


def a_level_too_many() -> Dataset:
    return replace(levels(), spec=DataSpec((4,), "discrete", 15), space=DequantisedLogit.fitted(integers(), 15, 0.005))


def a_hole() -> Dataset:
    data = real()
    data.train[7, 1] = torch.nan
    return data


@dataclass(frozen=True)
class Logarithm(Identity):
    def to_model(self, raw, generator):
        return raw.log()

    def log_det(self, x):
        return -x.sum(1)

    def to_data(self, x):
        return x.exp()


def logarithms_of_negatives() -> Dataset:
    return replace(real(), space=Logarithm())


def trained_on_test() -> Dataset:
    data = real()
    return replace(data, test=data.train[:50])


def a_copied_column() -> Dataset:
    x = normal()
    return cut(torch.cat([x, x[:, :1]], 1))


@dataclass(frozen=True)
class Doubled(Identity):
    def to_model(self, raw, generator):
        return 2 * raw

    def to_data(self, x):
        return x / 2


def volume_forgotten() -> Dataset:
    return replace(real(), space=Doubled())


@dataclass(frozen=True)
class OneWay(Identity):
    def to_model(self, raw, generator):
        return 2 * raw

    def log_det(self, x):
        return x.new_full((len(x),), x.shape[1] * float(np.log(2)))


def no_way_back() -> Dataset:
    return replace(real(), space=OneWay())


def a_level_beside() -> Dataset:
    class Beside(DequantisedLogit):
        def to_data(self, x):
            return (super().to_data(x) + 1 / 16).clamp(max=1)

    x = integers()
    return cut(x, DataSpec((4,), "discrete", 16), Beside.fitted(x[:300], 16, 0.005))


def rounded_units() -> Dataset:
    class Rounded(Standardised):
        def to_units(self, x):
            return {name: each.round(2) for name, each in super().to_units(x).items()}

    rows = normal().numpy() * 1e-2
    space = Rounded.fitted(rows[:300])
    return cut(space.standardised(rows), space=space)


def noise_beside_the_generator() -> Dataset:
    class Drawing(Binary):
        def to_model(self, raw, generator):
            return (torch.rand(raw.shape) * (self.levels - 1) < raw).float()

    return replace(bits(), space=Drawing(16))


def a_class_of_test_alone() -> Dataset:
    labels = torch.arange(500) % 3
    labels[450:] = 3
    return replace(real(), labels=tuple(labels.split([300, 100, 100])))


def a_seed_of_other_columns() -> Dataset:
    return replace(real(), by_seed=lambda seed: cut(normal(seed)[:, :2]), varies="training draw")


def a_seed_with_a_hole() -> Dataset:
    return replace(real(), by_seed=lambda seed: a_hole(), varies="training draw")


def torchs_global_state() -> Dataset:
    return cut(torch.randn(500, 3))


def numpys_global_state() -> Dataset:
    return cut(torch.from_numpy(np.random.randn(500, 3)).float())  # noqa: NPY002


def shuffled_by_python() -> Dataset:
    rows = normal().tolist()
    random.shuffle(rows)
    return cut(torch.tensor(rows))


def a_seed_of_global_state() -> Dataset:
    return replace(real(), by_seed=lambda seed: cut(torch.randn(500, 3)), varies="training draw")


BROKEN_DATA: dict[Callable[[], Dataset], str] = {
    too_few: "form",
    other_columns: "form",
    a_level_too_many: "values",
    a_hole: "values",
    logarithms_of_negatives: "model space",
    trained_on_test: "rows",
    a_copied_column: "columns",
    volume_forgotten: "log-determinant",
    no_way_back: "inverse",
    a_level_beside: "inverse",
    rounded_units: "inverse",
    noise_beside_the_generator: "noise",
    a_class_of_test_alone: "classes",
    a_seed_of_other_columns: "seeds",
    a_seed_with_a_hole: "seeds",
    torchs_global_state: "repeatable",
    numpys_global_state: "repeatable",
    shuffled_by_python: "repeatable",
    a_seed_of_global_state: "repeatable",
}
"""Each breaks its contract and no other that is not skipped."""
