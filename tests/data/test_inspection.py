"""Data sets with one fault each, and the line that names it; sound ones, which pass without a word."""

import math
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.data.columns import dependent_columns
from bench.data.dataset import Dataset
from bench.data.inspection import inspect
from bench.data.spaces import Binary, DequantisedLogit, Identity
from bench.errors import BenchError
from bench.paths import group_choices
from bench.record.warnings import UNBOUNDED
from bench.setup import build
from bench.setup.compose import compose
from bench.spec import DataSpec
from tests.helpers import ROOT


def needs_files(name: str) -> bool:
    """True where the data set is read from files under the data root, or from the user's own."""
    return (
        name in {"table", "array", "images", "python"}
        or "data_root" in (ROOT / "conf" / "data" / f"{name}.yaml").read_text()
    )


def split(x: Tensor, spec: DataSpec | None = None, space=None, **more) -> Dataset:
    """60, 20 and 20 % of the rows, in order."""
    a, b = int(0.6 * len(x)), int(0.8 * len(x))
    spec = DataSpec(tuple(x.shape[1:])) if spec is None else spec
    return Dataset("mine", spec, space or Identity(), x[:a], x[a:b], x[b:], **more)


def normal(n: int = 1000, dim: int = 3) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(0))


def integers(n: int = 1000, dim: int = 4, levels: int = 17) -> Tensor:
    return torch.randint(levels, (n, dim), generator=torch.Generator().manual_seed(0))


def levels_of(x: Tensor, levels: int) -> Dataset:
    space = DequantisedLogit.fitted(x[:600], levels, 0.005)
    return split(x, DataSpec(tuple(x.shape[1:]), "discrete", levels), space)


def refused(dataset: Dataset) -> str:
    """The first refusal."""
    line = inspect(dataset).refusals[0]
    assert "\n" not in line
    assert len(line) < 300
    return line


def warned(dataset: Dataset) -> str:
    """The one warning of a data set that is not refused."""
    found = inspect(dataset)
    assert found.refusals == ()
    assert found.dataset.warnings == found.warnings
    (line,) = found.warnings
    assert "\n" not in line
    return line


def changed(x: Tensor, row: int, column: int, value: float) -> Tensor:
    x = x.clone()
    x[row, column] = value
    return x


WARNED = {"breast_cancer", "wine"}
"""Built-in tables with ties that no noise dissolves: their rows say so."""


@pytest.mark.parametrize(
    "name", [c.name for c in group_choices("data") if not needs_files(c.name) | (c.name in WARNED)]
)
def test_the_projects_own_data_pass_unchanged_without_a_word(name: str) -> None:
    config = compose([f"data={name}"])
    dataset = build.called(build.imported(config.data["_target_"], name), name, **build.data_options(config))
    began = time.process_time()
    found = inspect(dataset)
    assert time.process_time() - began < 1, "0.15 without the type checks that the tests switch on"
    assert (found.refusals, found.warnings) == ((), ())
    for part in ("train", "validation", "test"):
        before, after = getattr(dataset, part), getattr(found.dataset, part)
        assert before.dtype == after.dtype
        assert torch.equal(before, after)


def test_sixty_thousand_pictures_take_a_second() -> None:
    x = integers(60_000, 784, 256).to(torch.uint8)
    dataset = levels_of(x, 256)
    began = time.process_time()
    assert inspect(dataset).refusals == ()
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("x", "levels", "named"),
    [
        (integers(), 16, "train row 0, column 3 is 16: levels=16 are the integers 0 to 15"),
        (integers() - 3, 17, "train row 1, column 0 is -1: levels=17 are the integers 0 to 16"),
        (integers(levels=256) / 255, 256, "levels are the integers 0 to 255; multiply fractions, or round"),
    ],
)
def test_levels_are_integers_within_their_range(x: Tensor, levels: int, named: str) -> None:
    assert named in refused(levels_of(x, levels))


def test_levels_of_the_spec_are_those_of_the_space() -> None:
    x = integers()
    space = DequantisedLogit.fitted(x, 17, 0.005)
    assert "levels=16 and its space levels=17" in refused(split(x, DataSpec((4,), "discrete", 16), space))
    assert "levels=None" in refused(split(x, DataSpec((4,), "discrete"), space))


@pytest.mark.parametrize("space", [Identity(), Binary(2)])
def test_binary_data_are_zeros_and_ones(space) -> None:
    x = torch.rand(1000, 5, generator=torch.Generator().manual_seed(0))
    line = refused(split(x, DataSpec((5,), "binary"), space))
    assert line.startswith(f"train row 0, column 0 is {x[0, 0]:.6g}: ")
    bits = integers(dim=40, levels=2)
    assert inspect(split(bits.float(), DataSpec((40,), "binary"), space)).refusals == ()


def test_grey_levels_are_binary_where_the_space_draws_them() -> None:
    spec = DataSpec((4,), "binary")
    assert inspect(split(integers(), spec, Binary(17))).refusals == ()
    assert "levels=16 are the integers 0 to 15" in refused(split(integers(), spec, Binary(16)))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_first_broken_number_is_named(value: float) -> None:
    line = refused(split(changed(normal(), 817, 2, value)))
    assert line == f"test row 17, column 2 is {value}: leave the row out, or fill it in"


def test_numbers_that_float32_does_not_hold_are_named() -> None:
    assert refused(split(changed(normal().double(), 5, 1, 1e200))).startswith("train row 5, column 1 is inf")


def test_constant_columns() -> None:
    x = changed(normal(), 0, 0, 0)
    x[:, 2] = 0.5
    assert refused(split(x)).startswith("column 2 is constant (0.5) in train")
    x[:, 1] = 3
    assert refused(split(x)).startswith("columns 1 and 2 are constant")


def test_a_column_that_is_constant_but_for_one_row_is_not() -> None:
    x = normal(20_000)
    x[:, 2] = 0.5
    assert "constant" not in " ".join(inspect(split(changed(x, 3, 2, 0.7))).refusals)


def test_copied_columns() -> None:
    x = normal(dim=4)
    x[:, 3] = x[:, 1]
    assert refused(split(x)).startswith("column 3 is a copy of column 1, ")


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_dependent_columns(offset: float) -> None:
    x = normal(dim=6) + offset
    x[:, 4] = 2 * x[:, 0] - x[:, 5] + 3
    assert refused(split(x)).startswith("columns 0, 4 and 5 are linearly dependent")


def test_a_column_of_one_value_hides_no_dependence() -> None:
    """Such as one that is constant in the rows that are looked at, and not in all."""
    x = normal(dim=6).double()
    x[:, 1] = 7
    assert dependent_columns(x) == []
    x[:, 4] = 2 * x[:, 0] - x[:, 5] + 3
    assert dependent_columns(x) == [0, 4, 5]


@pytest.mark.parametrize("rows", [22, 23, 25, 30, 45])
def test_dependent_columns_of_little_more_rows_than_columns(rows: int) -> None:
    x = normal(rows + 40, 20)
    whole = Dataset("mine", DataSpec((20,)), Identity(), x[:rows], x[rows : rows + 20], x[rows + 20 :])
    assert inspect(whole).refusals == ()
    assert inspect(whole).warnings == ()
    x[:, 4] = 2 * x[:, 0] - x[:, 5] + 3
    assert refused(whole).startswith("columns 0, 4 and 5 are linearly dependent")


@pytest.mark.parametrize("rows", [12, 19, 20, 21])
def test_where_rows_are_too_few_for_dependent_columns_a_line_says_so(rows: int) -> None:
    x = normal(rows + 40, 20)
    x[:, 4] = 2 * x[:, 0] - x[:, 5] + 3
    line = warned(Dataset("mine", DataSpec((20,)), Identity(), x[:rows], x[rows : rows + 20], x[rows + 20 :]))
    assert line.startswith(f"{rows} training examples of 20 columns: ")
    assert line.endswith("linearly dependent columns are not looked for")
    assert ("singular" in line) == (rows < 20)


def test_close_columns_are_not_dependent() -> None:
    x = normal(dim=6)
    x[:, 4] = x[:, 0] + 1e-3 * x[:, 4]
    assert inspect(split(x)).refusals == ()
    assert inspect(split(x + 100)).refusals == ()


@pytest.mark.parametrize(
    ("whole", "named"),
    [
        (True, "column 1 has ties (column 1: whole numbers, 100 % of 600 training rows share a value), "),
        (False, "column 1 has ties (column 1: 100 % of 600 training rows share a value), "),
    ],
)
def test_integers_as_continuous_are_warned_of(whole: bool, named: str) -> None:
    x = normal()
    x[:, 1] = integers()[:, 0] / (1 if whole else 16)
    assert named + UNBOUNDED in warned(split(x))


def test_ties_in_a_part_of_a_column_are_warned_of_as_in_tables() -> None:
    x = normal()
    x[::20, 2] = 0.5
    assert "column 2 has ties (column 2: 5 % of" in warned(split(x))
    assert UNBOUNDED in warned(split(x))


def test_what_float32_rounds_together_is_no_tie() -> None:
    assert inspect(split(normal(12_000))).warnings == ()


def test_tensors_of_integers_become_float32_where_continuous_is_asked() -> None:
    found = inspect(split(integers()))
    assert found.dataset.train.dtype == torch.float32
    assert "columns 0, 1, 2 and 3 have ties" in found.warnings[0]


def test_float64_becomes_float32_and_the_bound_is_said() -> None:
    x = normal().double() + 1e-9
    found = inspect(split(x))
    gap, column = (x - x.float().double()).abs().amax(0).max(0)
    assert found.refusals == ()
    assert found.warnings == (
        f"float64 is converted to float32, which moves values by at most {float(gap):.2g} (column {int(column)})",
    )
    assert {getattr(found.dataset, part).dtype for part in ("train", "validation", "test")} == {torch.float32}


def test_rows_of_another_shape() -> None:
    assert refused(Dataset("mine", DataSpec((4,)), Identity(), normal(100, 4), normal(50, 5), normal(50, 4))) == (
        "validation has the shape (50, 5); DataSpec asks for rows of (4,)"
    )


@pytest.mark.parametrize(("train", "validation", "test"), [(100, 50, 1), (100, 0, 50), (5, 50, 50), (100, 50, 3)])
def test_splits_that_are_too_small(train: int, validation: int, test: int) -> None:
    sizes = {"train": train, "validation": validation, "test": test}
    dataset = Dataset("mine", DataSpec((3,)), Identity(), *(normal(size) for size in sizes.values()))
    name = min(sizes, key=lambda part: sizes[part])
    assert f"{name} has too few rows ({sizes[name]}); metrics of a run need at least" in inspect(dataset).refusals[0]


@pytest.mark.parametrize(
    ("value", "named"),
    [(normal().numpy(), "ndarray"), (normal().to_sparse(), "sparse"), (normal().to(torch.complex64), "complex64")],
)
def test_what_is_no_dense_tensor_of_numbers(value, named: str) -> None:
    parts = SimpleNamespace(spec=DataSpec((3,)), space=Identity(), image_shape=None, labels=None, labelled=None)
    parts.train, parts.validation, parts.test = value, normal(), normal()
    assert named in inspect(parts).refusals[0]


def test_splits_that_are_one() -> None:
    x = normal()
    lines = inspect(Dataset("mine", DataSpec((3,)), Identity(), x, x, x)).refusals
    assert lines[0] == "validation and train are the same rows; give splits that share none"
    shuffled = x[torch.randperm(1000)][:300]
    assert refused(Dataset("mine", DataSpec((3,)), Identity(), x, normal(2000)[1500:], shuffled)) == (
        "every row of test stands in train too; give splits that share none"
    )


def test_shared_rows_are_counted() -> None:
    x = normal()
    x[803], x[990] = x[4], x[7]
    assert warned(split(x)) == "2 of 200 rows of test stand in train too, the first of them row 3"


@pytest.mark.parametrize("levels", [None, 17])
def test_copies_that_lie_within_a_split_as_often_as_across_are_no_chance(levels: int | None) -> None:
    """A file with copies at random: training rows repeat one another as often as test rows repeat them."""
    x = normal(1000, 20) if levels is None else integers(1000, 20, levels)
    x = torch.cat([x, x[:100]])[torch.randperm(1100, generator=torch.Generator().manual_seed(0))]
    data = split(x) if levels is None else levels_of(x, levels)
    known = set(map(tuple, data.train.tolist()))
    shared = sum(tuple(row) in known for row in data.test.tolist())
    assert shared > 10
    assert any(f"{shared} of 220 rows of test stand in train too" in line for line in inspect(data).warnings)


def test_rows_of_few_levels_meet_by_chance() -> None:
    assert inspect(levels_of(integers(2000, dim=2, levels=5), 5)).warnings == ()
    x = integers(dim=20)
    x[800:900] = x[:100]
    assert warned(levels_of(x, 17)).startswith("100 of 200 rows of test stand in train too")


def test_most_rows_copies() -> None:
    x = normal(dim=2)
    x[: int(0.8 * len(x))] = 0
    x = x[torch.randperm(1000, generator=torch.Generator().manual_seed(0))]
    *shared, copies = inspect(split(x)).warnings
    assert "training rows are copies (row " in copies
    assert all("stand in" in line for line in shared)
    assert len(shared) == 3, "the copies are in all three splits"
    assert "training rows are copies" in warned(split((x > 2).float(), DataSpec((2,), "binary")))


def test_fewer_examples_than_columns() -> None:
    assert warned(split(normal(50, 40))).startswith("30 training examples of 40 columns")


def test_a_column_wider_than_the_others() -> None:
    x = normal()
    x[:, 1] *= 1e4
    assert warned(split(x)).startswith("column 1 is ")
    assert "times as wide as the median one" in warned(split(x))


class Standardised:
    """x = (y - shift) / scale; `sign` and `by_numpy` make it a wrong one, and one that torch sees nothing of."""

    def __init__(self, train: Tensor, sign: float = 1.0, by_numpy: bool = False) -> None:
        self.shift, self.scale, self.sign, self.by_numpy = train.mean(0), train.std(0), sign, by_numpy

    def to_model(self, raw, generator):
        if self.by_numpy:
            return torch.from_numpy((np.asarray(raw) - self.shift.numpy()) / self.scale.numpy())
        return (raw - self.shift) / self.scale

    def log_det(self, x):
        return -self.sign * self.scale.log().sum().expand(len(x))

    def to_data(self, x):
        return x * self.scale + self.shift

    def to(self, device):
        return self


class Rotated(Standardised):
    """A map that mixes the coordinates, of another volume in each row."""

    def to_model(self, raw, generator):
        mixed = raw @ torch.tensor([[1.0, 2.0, 0.0], [0.0, 1.0, 0.5], [1.0, 0.0, 3.0]])
        return mixed + 0.1 * mixed.pow(3)

    def log_det(self, x):
        y = x.clone()
        for _ in range(60):  # Newton's steps undo the cubic
            y = y - (y + 0.1 * y.pow(3) - x) / (1 + 0.3 * y.square())
        return self.sign * (math.log(4.0) + (1 + 0.3 * y.square()).log().sum(1))


class Logarithm(Standardised):
    """x = log y: a column at 0 has no image."""

    def to_model(self, raw, generator):
        return raw.log()

    def log_det(self, x):
        return -x.sum(1)

    def to_data(self, x):
        return x.exp()


@pytest.mark.parametrize("by_numpy", [False, True])
def test_a_log_determinant_of_the_wrong_sign(by_numpy: bool) -> None:
    x = normal() * torch.tensor([10.0, 100.0, 1000.0])
    right, wrong = (split(x, None, Standardised(x, sign, by_numpy)) for sign in (1.0, -1.0))
    assert inspect(right).refusals == ()
    line = refused(wrong)
    assert line.startswith("Standardised.log_det is 13.8")
    assert ", its map's is -13.8" in line


@pytest.mark.parametrize("space", [Rotated, Logarithm])
def test_maps_of_other_kinds_are_followed(space) -> None:
    x = normal().exp()
    assert inspect(split(x, None, space(x))).refusals == ()
    if space is Rotated:
        assert "Rotated.log_det" in refused(split(x, None, Rotated(x, -1.0)))


def test_what_a_space_makes_of_a_row_is_a_number() -> None:
    x = changed(normal().exp(), 650, 1, 0.0)
    assert refused(split(x, None, Logarithm(x))) == (
        "validation row 50, column 1 is 0, which Logarithm.to_model makes infinite or NaN"
    )


def test_a_space_that_changes_what_it_is_given_or_its_type() -> None:
    class InPlace(Standardised):
        def to_model(self, raw, generator):
            return raw.sub_(self.shift)

    class Wide(Standardised):
        def to_model(self, raw, generator):
            return super().to_model(raw, generator).double()

    class Broken(Standardised):
        def to_model(self, raw, generator):
            raise ZeroDivisionError("no\nscale")

    x = normal()
    assert "InPlace.to_model changes the rows" in inspect(split(x.clone(), None, InPlace(x))).refusals[0]
    assert "Wide.to_model gives torch.float64" in inspect(split(x, None, Wide(x))).refusals[0]
    assert "fails on train (ZeroDivisionError: no scale)" in inspect(split(x, None, Broken(x))).refusals[0]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"labels": (torch.zeros(600), torch.zeros(200), torch.zeros(200))}, "labels of train are no classes"),
        ({"labels": (torch.zeros(600).long(), torch.zeros(9).long(), torch.zeros(200).long())}, "labels of validation"),
        ({"labelled": torch.tensor([600])}, "labelled names rows beyond the 600"),
        ({"image_shape": (2, 2)}, "image_shape (2, 2) has not the 3 coordinates"),
    ],
)
def test_labels_and_pictures_fit_the_rows(change, named: str) -> None:
    assert named in inspect(replace(split(normal()), **change)).refusals[0]


def test_a_refusal_names_data_and_function_and_how_many_more(tmp_path, monkeypatch) -> None:
    (tmp_path / "inspected_data.py").write_text(
        "import torch\nfrom bench import Dataset, DataSpec\nfrom bench.data.spaces import Identity\n"
        "def mine(name: str):\n    x = torch.randn(100, 3)\n"
        "    return Dataset(name, DataSpec((3,)), Identity(), train=x, validation=x, test=x)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BenchError) as raised:
        build.dataset(compose(["data=moons", "data._target_=inspected_data.mine"]))
    assert str(raised.value) == (
        "data=moons (inspected_data.mine): validation and train are the same rows; give splits that share none "
        "(and 2 more: bench check moons)"
    )
