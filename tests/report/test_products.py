"""products.npz says of pairs of runs what their per-example likelihoods say, and is held against the table."""

from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from bench.record.runs import run_path
from bench.record.store import RunFolder
from bench.report.collect import collect
from bench.report.picture_archive import archive
from bench.report.products import LIKELIHOODS, PRODUCTS, TRUTH, TestSet, from_runs, merged, packed, read_products
from bench.report.study import Run, load, validated
from bench.report.variance import Products, of_difference
from tests.report.synthetic import record, write_run

EXAMPLES = 50


def values_of(seed: int) -> np.ndarray:
    """Log-likelihoods about as large as digits', on which rounding shows."""
    return -100 + 10 * np.random.default_rng(seed).standard_normal(EXAMPLES)


def made(model: str, seed: int, values: np.ndarray) -> Run:
    likelihood = {"nll_nats": -float(values.mean()), "nll_examples": EXAMPLES, "test_hash": "0123abcd"}
    return record("digits", model, seed, **likelihood)


def study(folder: Path) -> dict[str, np.ndarray]:
    """Two models of three seeds with their likelihoods; the values by row."""
    values = {}
    for number, (model, seed) in enumerate((model, seed) for model in ("cnf", "realnvp") for seed in range(3)):
        run = made(model, seed, values_of(number))
        path = write_run(folder, run)
        RunFolder(path).write_arrays(LIKELIHOODS, log_prob=values_of(number))
        values[run["run_id"]] = values_of(number)
    return values


def test_the_products_of_a_study_are_those_of_its_examples(tmp_path: Path) -> None:
    values = study(tmp_path)
    collect(tmp_path)
    stored = load(tmp_path).test_sets["0123abcd"]
    direct = Products.of(np.stack([values[row] for row in stored.rows]))
    np.testing.assert_allclose(stored.products.products, direct.products, rtol=1e-9)
    np.testing.assert_allclose(stored.products.means, direct.means, rtol=1e-9)
    of_pair = of_difference(stored.products, range(3), range(3, 6))
    assert of_pair.value == pytest.approx(of_difference(direct, range(3), range(3, 6)).value, rel=1e-9)


def test_rows_of_other_places_stay_and_what_nobody_saw_together_is_nan(tmp_path: Path) -> None:
    study(tmp_path)
    collect(tmp_path)
    before = load(tmp_path).test_sets["0123abcd"]
    elsewhere = [row for row in before.rows if "cnf" in row]
    for row in elsewhere:
        for file in sorted(run_path(tmp_path / "runs", row).rglob("*"), reverse=True):
            file.unlink()
        run_path(tmp_path / "runs", row).rmdir()
    collect(tmp_path)
    after = load(tmp_path).test_sets["0123abcd"]
    assert set(after.rows) == set(before.rows)
    for a in after.rows:
        for b in after.rows:
            product = after.products.products[after.place[a], after.place[b]]
            if (a in elsewhere) == (b in elsewhere):
                assert product == before.products.products[before.place[a], before.place[b]]
            else:
                assert np.isnan(product)


def test_likelihoods_are_read_where_a_run_is_new_and_not_again(tmp_path: Path) -> None:
    study(tmp_path)
    collect(tmp_path)
    first = (tmp_path / PRODUCTS).read_bytes()
    old = next((tmp_path / "runs").glob("*/digits-cnf-*")) / LIKELIHOODS
    whole = old.read_bytes()
    old.write_bytes(b"no archive")
    assert collect(tmp_path).warnings == []
    assert (tmp_path / PRODUCTS).read_bytes() == first

    new = made("vae", 0, values_of(6))
    RunFolder(write_run(tmp_path, new)).write_arrays(LIKELIHOODS, log_prob=values_of(6))
    (warning,) = collect(tmp_path).warnings
    assert "is broken" in warning
    old.write_bytes(whole)
    collect(tmp_path)
    grown = (tmp_path / PRODUCTS).read_bytes()
    (tmp_path / PRODUCTS).unlink()
    collect(tmp_path)
    assert (tmp_path / PRODUCTS).read_bytes() == grown, "the bytes do not depend on what was there"


def test_rows_that_left_the_table_leave_the_products() -> None:
    old = {"h": TestSet.of({"a": values_of(0), "b": values_of(1), TRUTH: values_of(2)})}
    new = {"h": TestSet.of({"b": values_of(3)})}
    both = merged(old, new, {"a"})["h"]
    assert set(both.rows) == {"a", "b", TRUTH}
    assert both.products.means[both.place["b"]] == pytest.approx(values_of(3).mean(), rel=1e-12)
    assert merged(old, {}, set()) == {}


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ({"nll_nats": 99.0}, "another likelihood"),
        ({"test_hash": "ffffffff"}, "other test examples"),
        ({"nll_examples": 49}, "other test examples"),
        ({"run_id": "digits-cnf-s0-00000000"}, "no row of it"),
    ],
)
def test_products_that_do_not_fit_the_table_are_refused(tmp_path: Path, spoilt: dict, words: str) -> None:
    run = made("cnf", 0, values_of(0))
    path = tmp_path / PRODUCTS
    path.write_bytes(archive(packed({"0123abcd": TestSet.of({run["run_id"]: values_of(0)})})))
    assert set(read_products(path, [validated(run)])) == {"0123abcd"}
    with pytest.raises(BenchError, match=f"{PRODUCTS} does not fit the table .*{words}"):
        read_products(path, [validated(run | spoilt)])


def test_products_that_are_none_are_refused(tmp_path: Path) -> None:
    """Larger than two rows' own squares allow, of a wrong shape, or with a part missing."""
    run = made("cnf", 0, values_of(0))
    good = packed({"h": TestSet.of({"a": values_of(0), "b": values_of(1)})})
    spoilt = [
        good | {"triangle/h": np.array([1.0, 5.0, 1.0])},
        good | {"triangle/h": np.ones(2)},
        good | {"means/h": np.array([1, 2])},
        {name: part for name, part in good.items() if not name.startswith("rows")},
    ]
    for arrays in spoilt:
        path = tmp_path / PRODUCTS
        path.write_bytes(archive(arrays))
        with pytest.raises(BenchError, match="does not fit the table"):
            read_products(path, [run])
    path.write_bytes(b"no archive")
    with pytest.raises(BenchError, match="cannot be read"):
        read_products(path, [run])


def test_likelihoods_of_another_run_are_named_and_left_out(tmp_path: Path) -> None:
    run = made("cnf", 0, values_of(0))
    folder = RunFolder(write_run(tmp_path, run))
    warnings: list[str] = []
    assert from_runs([run], tmp_path, warnings) == {}
    folder.write_arrays(LIKELIHOODS, log_prob=values_of(1))
    assert from_runs([run], tmp_path, warnings) == {}
    folder.write_arrays(LIKELIHOODS, log_prob=values_of(0)[:-1])
    assert from_runs([run], tmp_path, warnings) == {}
    assert ["absent" in warnings[0], "its mean is not" in warnings[1], "50 numbers" in warnings[2]] == [True] * 3
    folder.write_arrays(LIKELIHOODS, log_prob=values_of(0), truth=np.full(50, 1e90))
    assert from_runs([run], tmp_path, warnings) == {}
    assert "truth is not 50 numbers below 1e+40" in warnings[3], "they have no square"
