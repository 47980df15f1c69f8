"""Kinds of columns, found and set, and what is said of them."""

import numpy as np
import pytest

from bench.data.table.resolution import decimals_of, places_of, step_of, ties_of
from bench.data.table.table import table
from bench.errors import BenchError

N = 300
RANDOM = np.random.default_rng(0)
REAL = RANDOM.normal(size=N).tolist()


def written(folder, **columns) -> str:
    columns = {"real": REAL, **columns}
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path = folder / "mine.csv"
    path.write_text("\n".join(lines))
    return str(path)


def kind_of(folder, values, **options) -> str:
    return table("table", path=written(folder, x=values), **options).space.columns[-1].kind


def refused(path: str, **options) -> str:
    with pytest.raises(BenchError) as refusal:
        table("table", path=path, **options)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (RANDOM.normal(size=N).tolist(), "real"),
        ([f"{value:.2f}" for value in RANDOM.normal(size=N)], "real"),
        (RANDOM.integers(0, 1_000_000, N).tolist(), "integer"),
        ([f"{value}.0" for value in RANDOM.integers(0, 9, N)], "integer"),
        (RANDOM.integers(0, 2, N).tolist(), "category"),
        (["yes" if value else "no" for value in RANDOM.integers(0, 2, N)], "category"),
        (["TRUE" if value else "FALSE" for value in RANDOM.integers(0, 2, N)], "category"),
        (["a", "b", "c"] * 100, "category"),
        ([7] * N, "constant"),
        (["DE"] * N, "constant"),
        (REAL, "duplicate"),
    ],
)
def test_kinds_are_found(tmp_path, values, kind) -> None:
    assert kind_of(tmp_path, values) == kind


@pytest.mark.parametrize("kind", ["real", "heavy", "integer", "category"])
def test_kinds_are_set(tmp_path, kind) -> None:
    values = RANDOM.integers(0, 9, N).tolist()
    assert kind_of(tmp_path, values, kinds={"x": kind}) == kind
    assert kind_of(tmp_path, values, kinds=[f"x: {kind}"]) == kind


def test_words_of_numbers_stand_by_their_size(tmp_path) -> None:
    data = table("table", path=written(tmp_path, x=[10, 9, 100] * 100), kinds={"x": "category"})
    assert data.space.columns[-1].words == ("9", "10", "100")


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ([0.5 * place for place in range(N)], "integer", "row 2 (line 3), column x is 0.5; 'data.kinds={x: integer}'"),
        (["a", "b", "c"] * 100, "real", "row 1 (line 2), column x is 'a'; 'data.kinds={x: real}' asks for numbers"),
        (REAL, "real", "row 1 (line 2), column x: the column is a copy of column real, where no density has a bound"),
        ([5] * N, "real", "row 1 (line 2), column x: every row has 5, where no density of a real column has a bound"),
        (["DE"] * N, "category", "column x: every row has 'DE'; take it out of data.kinds"),
        (range(N), "category", "column x is '0', one of 300 words; a category has at most 50"),
        (range(N), "float", "unknown kind 'float' in data.kinds of mine.csv, column x"),
        (range(N), "constant", "x: constant is found, never set; give real, heavy, integer, category"),
    ],
)
def test_kinds_that_the_values_cannot_have(tmp_path, values, kind, message) -> None:
    assert message in refused(written(tmp_path, x=values), kinds={"x": kind})


def test_kinds_of_columns_that_there_are_not(tmp_path) -> None:
    assert "unknown column 'y' in data.kinds of mine.csv" in refused(written(tmp_path), kinds={"y": "real"})
    assert "give pairs" in refused(written(tmp_path), kinds=["x real"])


def test_options_in_messages_are_what_a_shell_takes(tmp_path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("real,the name\n" + "".join(f"{value},n{place}\n" for place, value in enumerate(REAL)))
    assert """leave the column out by 'data.drop=["the name"]'""" in refused(str(path))


def test_a_word_in_the_majority_of_numbers_is_no_category_unless_it_is_set(tmp_path) -> None:
    values = ["none" if place % 5 == 0 else place % 3 for place in range(N)]
    path = written(tmp_path, x=values)
    assert "row 1 (line 2), column x is 'none', text among numbers" in refused(path)
    data = table("table", path=path, kinds={"x": "category"})
    assert data.space.columns[-1].words == ("0", "1", "2", "none")


def test_ties_are_warned_of_and_dequantised_by_option(tmp_path) -> None:
    path = written(tmp_path, x=[f"{value:.1f}" for value in REAL])
    (line,) = table("table", path=path).warnings
    assert line.startswith("x has ties (x: 9")
    assert "resolution 0.1), where a likelihood grows without bound: data.ties=dequantise adds noise" in line
    dequantised = table("table", path=path, ties="dequantise")
    assert dequantised.warnings == ()
    assert dequantised.noisy


def test_a_column_that_is_constant_in_training_rows_is_refused(tmp_path) -> None:
    values = [1.5 if place < 290 else place / 3 for place in range(N)]
    line = refused(written(tmp_path, x=values), split="time")
    assert ", column x has the value of all 210 training rows, where no density has a bound" in line


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0.1, 0.2, 0.5, 7.4], 0.1),
        ([1.0, 2.0, 9.0], 1.0),
        ([100.0, 300.0, 1_100.0], 200.0),
        ([0.25, 0.5, 1.75], 0.25),
        ([1_000_000.01, 1_000_000.03], 0.02),
        ([0.0, 1 / 3, 1.0], 1 / 3),
        ([-3.0, 0.0, 1.5], 1.5),
        ([0.1, 0.2, 0.1 + 0.2, 0.4], 0.1),
        ([1e-7, 2e-7, 5e-7], 1e-7),
        ([1e-12, 3e-12, 5e-12], 2e-12),
        ([0.0, 1e-7, 1.0], 1e-7),
        ([1e16, 1e16 + 4, 1e16 + 10], 2.0),
        ([0.0, 1e16, 2.5e16], 5e15),
        ([0.12345, 1.12345, 5.12345], 1.0),
        ([0.0, 5e-324], 5e-324),
        ([0.0, 2**0.5, np.pi], 0.0),
    ],
)
def test_the_step_of_a_grid(values, step) -> None:
    assert step_of(np.asarray(values)) == pytest.approx(step, rel=1e-6)


@pytest.mark.parametrize(
    ("value", "places"),
    [(1e-7, 7), (2.5e-7, 8), (1e16, 0), (0.1, 1), (0.1 + 0.2, 17), (200.0, 0), (0.12345, 5), (0.0, 0)],
)
def test_the_places_of_a_number_are_those_of_its_shortest_text(value, places) -> None:
    assert places_of(value) == places


def test_the_places_of_a_column_hold_all_of_its_values() -> None:
    assert decimals_of(np.asarray([5.1, 0.1 + 0.2, 3.0]), 9) == 9
    assert decimals_of(np.asarray([5.1, 0.3, 3.0]), 9) == 1
    assert decimals_of(np.asarray([*np.arange(2_000.0), 0.125]), 9) == 3
    assert decimals_of(np.asarray([1e-7, 1.0]), 9) == 7


def share_and_spike(values) -> tuple[float, int, int]:
    return ties_of(np.unique(np.asarray(values), return_counts=True)[1])


def test_the_share_of_ties_and_of_the_most_frequent_value() -> None:
    assert share_and_spike([1.0, 2.0, 2.0, 3.0]) == (0.5, 2, 4)
    assert not share_and_spike(np.arange(50_000.0)).there
    spike = np.where(np.arange(1_000) % 40 == 0, 0.0, np.arange(1_000.0))
    assert share_and_spike(spike).share < 0.05
    assert share_and_spike(spike).there, "25 rows of one value among 1,000"


def test_ties_are_counted_over_all_training_rows(tmp_path) -> None:
    """Two rows of each value: of 10,000 rows drawn from 56,000, one in six has its twin among them."""
    values = np.repeat(np.random.default_rng(1).normal(size=40_000).round(9), 2)
    path = tmp_path / "twice.csv"
    path.write_text("x\n" + "\n".join(map(str, np.random.default_rng(2).permutation(values))))
    said = next(line for line in table("table", path=str(path)).warnings if "ties" in line)
    assert "x has ties (x: 70 % of training rows share a value" in said, "a twin is among the training rows at 0.7"


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_numbers_whose_squares_cannot_be_kept_are_refused(tmp_path, size) -> None:
    line = refused(written(tmp_path, x=(size * np.asarray(REAL)).tolist()))
    assert "column x is " in line
    assert "the deviation of the column is beyond numbers whose squares can be kept; give it in another unit" in line


def test_a_spike_in_a_continuous_column_is_warned_of_and_no_noise_hides_it(tmp_path) -> None:
    path = written(tmp_path, x=[0.0 if place % 20 == 0 else value**3 for place, value in enumerate(REAL)])
    for ties in ("keep", "dequantise"):
        (line,) = table("table", path=path, ties=ties).warnings
        assert line.startswith("x has ties (x: ")
        assert "on no grid), where a likelihood grows without bound, and noise fine enough for the others" in line


def test_integers_too_wide_for_their_noise_are_warned_of_where_they_repeat(tmp_path) -> None:
    values = [0 if place % 5 == 0 else int(1e8 * value**2) for place, value in enumerate(REAL)]
    (line,) = table("table", path=written(tmp_path, x=values)).warnings
    assert line.startswith("x has ties (x: 2")
    assert "resolution 1), where a likelihood grows without bound, and noise fine enough for the others" in line


def test_numbers_are_found_among_words_by_their_size(tmp_path) -> None:
    data = table("table", path=written(tmp_path, x=["1.0", "2.50", "word"] * 100), kinds={"x": "category"})
    rows = {"real": [0.0, 0.0, 0.0], "x": np.asarray([1.0, 2.5, "word"], dtype=object)}
    assert data.space.from_units(rows, "new")[:, 1].tolist() == [0.0, 1.0, 2.0]


def in_order(folder, first: list, others: list, **options):
    """A table of 210 training rows and 90 others."""
    values = [first[place % len(first)] for place in range(210)] + [others[place % len(others)] for place in range(90)]
    return table("table", path=written(folder, x=values), split="time", **options)


def test_words_that_no_training_row_has_are_counted(tmp_path) -> None:
    data = in_order(tmp_path, ["a", "b", "c"], ["a", "d", "e"])
    assert data.warnings == (
        "x: rows of validation and test have a value that no training row has (x: 60, the first mine.csv: row 212 "
        "(line 213), column x), so that their likelihood is a guess",
    )
    assert in_order(tmp_path, ["a", "b", "c"], ["a", "c"]).warnings == ()


def test_integers_beyond_the_range_of_the_training_rows_are_counted_and_are_no_fault(tmp_path, bench_call) -> None:
    data = in_order(tmp_path, [3, 4, 5], [3, 5, 9, 2])
    assert data.warnings == ()
    lines = bench_call("list", "data", "mine.csv", "data.split=time").out.splitlines()
    assert lines[2].endswith("3 values; 44 rows of validation and test lie beyond that range, which samples stay in")


def test_rare_values_of_a_column_are_no_error(tmp_path) -> None:
    """It is constant in the rows that are looked at for dependent columns."""
    draws = np.random.default_rng(0)
    rare = np.zeros(20_000)
    rare[[5, 9_000, 19_000]] = [0.5, 1.25, -2.5]
    columns = [draws.normal(size=20_000), draws.normal(size=20_000), rare]
    np.savetxt(tmp_path / "mine.csv", np.stack(columns, 1), delimiter=",", header="a,b,rare", comments="")
    data = table("table", path=str(tmp_path / "mine.csv"))
    assert any(line.startswith("rare has ties") for line in data.warnings)


def test_a_map_of_heavy_tails_hides_no_dependence(tmp_path) -> None:
    a = np.random.default_rng(0).standard_t(2, size=N).round(5)
    path = written(tmp_path, a=a, b=2 * a + 1)
    for kinds in (None, {"a": "heavy"}, {"a": "heavy", "b": "heavy"}):
        with pytest.raises(BenchError, match="columns a, b are linearly dependent"):
            table("table", path=path, kinds=kinds)


def test_one_row_beyond_that_range_is_one_row(tmp_path, bench_call) -> None:
    in_order(tmp_path, [3, 4, 5], [4])
    path = tmp_path / "mine.csv"
    path.write_text(path.read_text() + "9\n")
    assert (
        "; 1 row of validation and test lies beyond that range"
        in bench_call("list", "data", "mine.csv", "data.split=time").out
    )


def test_numbers_off_the_grid_of_the_training_rows_are_counted_where_noise_is_as_wide(tmp_path) -> None:
    first, others = [0.1, 0.2, 0.5, 0.8], [0.1, 0.25, 0.2]
    (line,) = in_order(tmp_path, first, others, ties="dequantise").warnings
    assert line == (
        "x: rows of validation and test lie off the grid of the training rows (x: 30, the first mine.csv: row 212 "
        "(line 213), column x), so that the cells of their noise overlap others"
    )
    assert not [line for line in in_order(tmp_path, first, others).warnings if "grid of the" in line]


@pytest.mark.parametrize(
    ("values", "row", "fault"),
    [
        ([1, 2, 3], 2.5, "is 2.5; the column holds integers"),
        ([10, 15, 30], 12, "is 12; the column holds integers in steps of 5 from 10"),
        ([10, 15, 30], 12.5, "is 12.5; the column holds integers"),
    ],
)
def test_values_off_the_grid_of_integers_are_refused_and_those_beyond_their_range_are_not(
    tmp_path, values, row, fault
) -> None:
    space = table("table", path=written(tmp_path, x=values * 100)).space
    with pytest.raises(BenchError) as refusal:
        space.from_units({"real": [0.0, 1.0], "x": [values[0], row]}, "new.csv")
    assert str(refusal.value) == f"new.csv: row 2, column x {fault}"
    raw = space.from_units({"real": [0.0], "x": [values[0] - 5]}, "new.csv")
    assert float(raw[0, 1]) < float(table("table", path=str(tmp_path / "mine.csv")).train[:, 1].min())
