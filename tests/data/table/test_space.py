"""The space of a table: its map against autograd, its way back, and likelihoods against known ones."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd.functional import jacobian

from bench.data.spaces import HasUnits, Space
from bench.data.table.column import Column
from bench.data.table.space import TableSpace
from bench.data.table.table import table
from bench.errors import BenchError
from bench.use.files import read_rows


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def mixed(tmp_path, monkeypatch):
    """A table of every kind: 4,000 rows, heavy tails, ties, integers, words, a constant and a copy."""
    random = np.random.default_rng(0)
    n = 4_000
    height = random.normal(170, 10, n)
    columns = {
        "height": height,
        "income": 1_000 * np.exp(2 * random.normal(size=n)),
        "grade": np.round(random.normal(6, 1, n), 1),
        "children": random.poisson(1.5, n),
        "colour": random.choice(["red", "green", "blue"], n, p=[0.5, 0.3, 0.2]),
        "country": np.full(n, "DE"),
        "again": height,
    }
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    (tmp_path / "mixed.csv").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    return table("table", path="mixed.csv", kinds={"income": "heavy"}, ties="dequantise")


def double(space: TableSpace) -> TableSpace:
    """The same space in float64."""
    tensors = {item.name: getattr(space, item.name) for item in fields(space)}
    return replace(space, **{name: value.double() for name, value in tensors.items() if isinstance(value, Tensor)})


def test_the_space_has_units_and_says_that_it_is_noisy(mixed) -> None:
    assert isinstance(mixed.space, Space)
    assert isinstance(mixed.space, HasUnits)
    assert mixed.noisy
    assert mixed.space.names == ("height", "income", "grade", "children", "colour", "country", "again")
    assert [column.kind for column in mixed.space.columns] == [
        "real",
        "heavy",
        "real",
        "integer",
        "category",
        "constant",
        "duplicate",
    ]


def test_the_log_determinant_is_that_of_the_autograd_jacobian_both_ways(mixed) -> None:
    space = double(mixed.space)
    y = mixed.train[:6].double() + space.width / 2
    there = torch.stack([jacobian(lambda row: space.mapped(row[None])[0], row) for row in y])
    x = space.mapped(y)
    # Double precision: 1e-15 a factor, five factors and a determinant.
    torch.testing.assert_close(space.log_det(x), torch.linalg.slogdet(there).logabsdet, rtol=0, atol=1e-9)
    back = torch.stack([jacobian(lambda row: space.unmapped(row[None])[0], row) for row in x])
    torch.testing.assert_close(space.log_det(x), -torch.linalg.slogdet(back).logabsdet, rtol=0, atol=1e-9)
    torch.testing.assert_close(space.unmapped(x), y, rtol=1e-9, atol=1e-9)


def test_heavy_tails_are_drawn_in(mixed) -> None:
    x = mixed.space.to_model(mixed.train, generator())
    raw, mapped = mixed.train[:, 1], x[:, 1]
    assert raw.abs().max() > 15
    assert mapped.abs().max() < 6
    assert (raw.argsort() == mapped.argsort()).all(), "the map is monotone"


def test_training_rows_are_standardised_in_model_space(mixed) -> None:
    x = mixed.space.to_model(mixed.train, generator(1))
    # Other noise than the fit's: five errors of a mean of 2,800 rows; the scale of a category is bounded from below.
    torch.testing.assert_close(x.mean(0), torch.zeros(5), rtol=0, atol=0.1)
    torch.testing.assert_close(x.std(0), torch.ones(5), rtol=0, atol=0.05)
    z = mixed.space.to_data(x)
    torch.testing.assert_close(z.std(0), torch.ones(5), rtol=0, atol=0.05)


def test_rows_come_back_in_their_own_units(mixed, tmp_path) -> None:
    import pandas as pd

    file = pd.read_csv(tmp_path / "mixed.csv")
    raw = mixed.space.from_units({name: file[name].to_numpy() for name in file}, "mixed.csv")
    units = mixed.space.to_units(mixed.space.to_model(raw, generator()))
    assert list(units) == list(file.columns)
    assert (units["children"] == file["children"]).all()
    assert units["children"].dtype == np.int64
    assert (units["colour"] == file["colour"]).all()
    assert (units["country"] == "DE").all()
    np.testing.assert_allclose(units["grade"], file["grade"], rtol=0, atol=1e-9)
    # float32 holds seven digits of a standardised value.
    np.testing.assert_allclose(units["height"], file["height"], rtol=1e-6)
    np.testing.assert_allclose(units["again"], file["height"], rtol=1e-6)
    np.testing.assert_allclose(units["income"], file["income"], rtol=1e-4)


def test_splits_hold_what_from_units_gives(mixed) -> None:
    x = mixed.space.to_model(mixed.test, generator())
    torch.testing.assert_close(
        mixed.space.from_units(mixed.space.to_units(x), "test"), mixed.test, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": None}, "new.csv: no column height; the model's columns are height, income, grade"),
        ({"height": [170.0, "tall"]}, "new.csv: row 2, column height is 'tall'; give a finite number"),
        ({"height": [math.nan, 1.0]}, "new.csv: row 1, column height is nan; give a finite number"),
        ({"children": [1, 2.5]}, "new.csv: row 2, column children is 2.5; the column holds integers"),
        ({"colour": ["red", "gren"]}, "unknown value 'gren' in new.csv: row 2, column colour; did you mean green"),
        ({"country": ["DE", "FR"]}, "new.csv: row 2, column country is 'FR'; every row of the model's data has DE"),
        ({"again": [170.0, 5.0]}, "new.csv: row 2, column again differs from column height"),
        ({"grade": [1.0]}, "new.csv: columns of 1 and of 2 rows"),
    ],
)
def test_rows_of_other_tables_are_refused_by_row_and_column(mixed, change, message) -> None:
    rows = {
        "height": [170.0, 160.0],
        "income": [1e3, 1e4],
        "grade": [6.1, 5.0],
        "children": [0, 2],
        "colour": ["red", "blue"],
    }
    rows = {name: value for name, value in {**rows, **change}.items() if value is not None}
    with pytest.raises(BenchError) as refusal:
        mixed.space.from_units(rows, "new.csv")
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (["0", "1"], ["0", "1"], "category"),
        (["0.0", "1.0"], ["0", "1"], "category"),
        (["no", "yes"], [" no", "yes "], "category"),
        (["0.10", "2.50", "7"], ["0.1", "2.5", "7.0"], "real"),
        (["7"], ["7.0"], "constant"),
        (["DE"], ["DE "], "constant"),
        (["007"], ["7"], "constant"),
    ],
)
def test_a_file_with_copies_of_its_columns_is_one_of_its_own_rows(tmp_path, first, second, kind) -> None:
    random = np.random.default_rng(0)
    places = random.integers(0, len(first), 300)
    lines = [f"{random.normal():.5f},{first[place]},{second[place]}" for place in places]
    path = tmp_path / "mine.csv"
    path.write_text("x,first,second\n" + "\n".join(lines))
    space = table("table", path=str(path)).space
    assert [column.kind for column in space.columns[1:]] == [kind, "duplicate"]
    rows = read_rows(path, tuple(column.name for column in space.columns if column.words))
    assert len(space.from_units(rows, "mine.csv")) == 300


def test_columns_that_are_not_modelled_may_be_left_out_and_others_stand_beside(mixed) -> None:
    rows = {"height": [170], "income": ["1e3"], "grade": [6], "children": ["2"], "colour": ["red"], "other": ["x"]}
    assert mixed.space.from_units(rows, "new.csv").shape == (1, 5)


def test_samples_stay_among_the_levels_that_are_known(mixed) -> None:
    units = mixed.space.to_units(100 * torch.randn(500, 5))
    assert set(units["colour"]) <= {"red", "green", "blue"}
    assert units["children"].min() >= 0
    assert np.isfinite(units["income"]).all()


def drawn_like(tmp_path, values, **options):
    """Text of a column's values, model space and back, beside the values of the training rows."""
    write(tmp_path / "mine.csv", {"a": values})
    data = table("table", path=str(tmp_path / "mine.csv"), **options)
    x = data.space.to_model(data.train, generator())
    own = {str(value) for value in values}
    return [str(value) for value in data.space.to_units(x)["a"].tolist()], own, data


@pytest.mark.parametrize("ties", ["keep", "dequantise"])
@pytest.mark.parametrize(
    ("step", "places"), [(0.1, 1), (1e-3, 3), (2e-7, 7), (0.5, 1), (1.0, 0)], ids=["0.1", "0.001", "2e-7", "0.5", "1"]
)
def test_rows_are_written_with_the_digits_of_the_users(tmp_path, step, places, ties) -> None:
    counts = np.random.default_rng(0).integers(0, 40, 400)
    values = [round(float(step * count + 0.1 * step), places + 1) for count in counts]
    text, own, _ = drawn_like(tmp_path, values, ties=ties)
    assert set(text) <= own


def test_rows_of_a_coarse_grid_are_whole_numbers_of_it(tmp_path) -> None:
    values = (1e16 * np.random.default_rng(0).integers(0, 40, 400)).tolist()
    text, own, _ = drawn_like(tmp_path, values, kinds={"a": "real"}, ties="dequantise")
    assert set(text) <= own


def test_a_grid_of_thirds_comes_back_as_it_was(tmp_path) -> None:
    values = (np.random.default_rng(0).integers(0, 40, 400) / 3).tolist()
    text, _, data = drawn_like(tmp_path, values, ties="dequantise")
    assert data.space.columns[0].step == pytest.approx(1 / 3, rel=1e-12)
    found = np.asarray(list(map(float, text)))
    np.testing.assert_allclose(found, np.round(3 * found) / 3, rtol=0, atol=1e-14)


def test_samples_of_real_numbers_have_as_many_digits_as_float32_carries(tmp_path) -> None:
    values = (170 + 10 * np.random.default_rng(0).normal(size=400)).tolist()
    _, _, data = drawn_like(tmp_path, values)
    units = data.space.to_units(torch.randn(500, 1, generator=generator()))["a"]
    assert max(len(str(value).partition(".")[2]) for value in units) == 6
    x = torch.randn(500, 1, generator=generator())
    exact = x[:, 0].double().numpy() * data.space.columns[0].unit + data.space.columns[0].centre
    np.testing.assert_allclose(units, exact, rtol=0, atol=0.51e-6)


def test_integers_beyond_64_bits_are_no_other_numbers(tmp_path) -> None:
    values = (1e19 * np.random.default_rng(0).integers(1, 40, 400)).tolist()
    text, own, data = drawn_like(tmp_path, values)
    assert data.space.columns[0].kind == "integer"
    assert set(text) <= own


def write(path, columns: dict) -> None:
    lines = [",".join(columns), *(",".join(map(repr, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines).replace("'", ""))


def test_a_gaussian_has_its_closed_form_in_both_coordinates(tmp_path) -> None:
    random = np.random.default_rng(0)
    mean, factor = np.array([1e3, -2.0, 0.5]), np.array([[50.0, 0, 0], [0.3, 0.4, 0], [1e-3, -2e-3, 1e-3]])
    rows = mean + random.normal(size=(2_000, 3)) @ factor.T
    write(tmp_path / "gaussian.csv", {name: rows[:, place].tolist() for place, name in enumerate("abc")})
    data = table("table", path=str(tmp_path / "gaussian.csv"))
    space = data.space
    assert not data.noisy
    centre = np.array([column.centre for column in space.columns])
    unit = np.array([column.unit for column in space.columns])

    def log_density(v: np.ndarray, mu: np.ndarray, root: np.ndarray) -> np.ndarray:
        z = np.linalg.solve(root, (v - mu).T)
        return -0.5 * (z**2).sum(0) - 1.5 * math.log(2 * math.pi) - np.log(np.abs(np.diag(root))).sum()

    z = (rows - centre) / unit
    standardised = log_density(z, (mean - centre) / unit, factor / unit[:, None])
    np.testing.assert_allclose(standardised + space.unit_log_det, log_density(rows, mean, factor), rtol=0, atol=1e-6)
    # What the data set holds is the same in float32: a standardised value within 1e-6 moves log p by |dlog p/dz| of it.
    raw = space.from_units({name: rows[:, place] for place, name in enumerate("abc")}, "rows").double().numpy()
    held = log_density(raw, (mean - centre) / unit, factor / unit[:, None])
    np.testing.assert_allclose(held.mean() + space.unit_log_det, log_density(rows, mean, factor).mean(), atol=1e-6)
    assert float(space.log_det(data.train).abs().max()) == 0.0


def uniform_in_cells(data, values: list, probability: list[float]) -> tuple[Tensor, Tensor]:
    """Of the law that spreads each value's probability evenly over its cell, held at the test rows of one column.

    Its density in model space is the slope of its distribution function there, by differences: no Jacobian of the
    space's is asked for.

    Returns:
        log density in the column's units by the space's log-determinants, and log probability of each row's value.
    """
    space = double(data.space)
    (column,) = space.columns
    places = list(range(len(values))) if column.kind == "category" else values
    lower = torch.from_numpy(column.raw(places))
    mass = torch.tensor(probability, dtype=torch.float64)

    def distribution(x: Tensor) -> Tensor:
        filled = ((space.unmapped(x) - lower) / space.width).clamp(0, 1)
        return (filled * mass).sum(1)

    x = space.to_model(data.test.double(), generator(3))
    step = 1e-6
    density = (distribution(x + step) - distribution(x - step)) / (2 * step)
    own = mass[(data.test.double() - lower).abs().argmin(1)]
    return density.log() + space.log_det(x) + space.unit_log_det, own.log()


def test_a_category_is_bounded_by_its_probability_and_meets_it(tmp_path) -> None:
    shares = {"a": 0.5, "b": 0.25, "c": 0.25}
    words = [word for word, share in shares.items() for _ in range(int(1_000 * share))]
    write(tmp_path / "words.csv", {"word": words})
    data = table("table", path=str(tmp_path / "words.csv"))
    known = data.space.columns[0].words
    density, expected = uniform_in_cells(data, list(known), [shares[word] for word in known])
    assert len(expected.unique()) == 2
    # The slope by differences of 1e-6 in float64.
    torch.testing.assert_close(density, expected, rtol=0, atol=1e-6)


def test_the_mass_of_a_category_is_that_of_its_unit_cell() -> None:
    space = one_category(3)
    x = torch.linspace(-30, 30, 400_001, dtype=torch.float64)[:, None]
    normal = torch.distributions.Normal(torch.tensor(0.3, dtype=torch.float64), 0.8)
    density_of_place = (normal.log_prob(x[:, 0]) + space.log_det(x)).exp()
    places = space.unmapped(x)[:, 0]
    inside = (places > 0) & (places < 3)
    mass = torch.trapezoid(density_of_place[inside], places[inside])
    assert float(mass) == pytest.approx(1.0, abs=1e-4), "but for 2e-6 of each end, and the rule's error"


def one_category(levels: int) -> TableSpace:
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    words = tuple("abcdefgh"[:levels])
    column = Column("word", "category", 0, step=1.0, words=words)
    return TableSpace((column,), one, levels * one, zero, 0.2 * one, 1.7 * one, zero, one)


@pytest.mark.parametrize("step", [1, 100])
def test_an_integer_meets_its_probability(tmp_path, step: int) -> None:
    values = [step * (7 + place) for place in range(4) for _ in range(100 * (place + 1))]
    write(tmp_path / "counts.csv", {"count": values})
    data = table("table", path=str(tmp_path / "counts.csv"))
    (column,) = data.space.columns
    assert (column.kind, column.step) == ("integer", step)
    density, expected = uniform_in_cells(data, [step * (7 + place) for place in range(4)], [0.1, 0.2, 0.3, 0.4])
    assert len(expected.unique()) == 4
    # Per unit of the column; the probability of a multiple of 100 is spread over 100 units. Differences as above.
    torch.testing.assert_close(density, expected - math.log(step), rtol=0, atol=1e-6)


def test_no_density_of_cells_is_above_the_probability(tmp_path) -> None:
    """The mean of log p over the noise is at most log P, whatever the density: a Gaussian here."""
    values = np.random.default_rng(1).poisson(3, 3_000)
    write(tmp_path / "counts.csv", {"count": values.tolist()})
    data = table("table", path=str(tmp_path / "counts.csv"))
    (column,) = data.space.columns
    fitted = torch.distributions.Normal(0.0, 1.0)
    x = torch.cat([data.space.to_model(data.test, generator(seed)) for seed in range(50)])
    bound = float(fitted.log_prob(x[:, 0]).mean()) + data.space.unit_log_det
    lower = (data.test[:, 0].double()) * 1.0
    upper = lower + float(data.space.width)
    double = torch.distributions.Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)
    probability = (double.cdf(upper) - double.cdf(lower)).log().mean()
    assert bound < float(probability)
    assert bound == pytest.approx(float(probability), abs=0.05), "its cells are narrow beside its spread"
    assert column.step == 1


def test_ties_are_dequantised_at_their_own_resolution(mixed) -> None:
    column = mixed.space.columns[2]
    assert column.step == pytest.approx(0.1, abs=1e-12)
    x = mixed.space.to_model(mixed.train, generator())
    noise = (x[:, 2] - mixed.train[:, 2]) / mixed.space.width[2]
    assert noise.min() >= 0
    # float32 keeps 1e-7 of values up to 5, a cell is 0.1 wide.
    assert noise.max() <= 1 + 1e-4
    assert len(x[:, 2].unique()) > 2_700
    assert len(mixed.train[:, 2].unique()) < 80
    in_units = x[:, 2].double() * column.unit + column.centre
    raw = mixed.train[:, 2].double() * column.unit + column.centre + column.step / 2
    assert ((in_units - raw).abs() <= 0.05 + 1e-5).all(), "a value stands for its cell of 0.1, itself in the middle"


def test_real_columns_alone_draw_no_noise(tmp_path) -> None:
    write(tmp_path / "real.csv", {"a": np.random.default_rng(0).normal(size=300).tolist()})
    data = table("table", path=str(tmp_path / "real.csv"))
    noise = generator()
    before = noise.get_state()
    assert torch.equal(data.space.to_model(data.train, noise), data.train)
    assert torch.equal(noise.get_state(), before)


def test_a_space_moves_with_its_constants(mixed) -> None:
    moved = mixed.space.to(torch.device("meta"))
    tensors = [value for item in fields(moved) if isinstance(value := getattr(moved, item.name), Tensor)]
    assert len(tensors) == 7
    assert {value.device.type for value in tensors} == {"meta"}
    assert moved.columns == mixed.space.columns
