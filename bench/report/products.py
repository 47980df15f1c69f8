"""products.npz: what intervals need of per-example log-likelihoods, for each test set of a study.

Runs of one test set are the rows of a matrix of cross-products, see `bench.report.variance.Products`; the true density
is one of them where it is known. The values themselves stay in the runs' folders. A product of two rows that were never
in one place is NaN.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.record.reading import Unreadable, arrays_of
from bench.record.runs import FOLDER
from bench.record.store import row_folder
from bench.report.variance import Floats, Products

PRODUCTS = "products.npz"
LIKELIHOODS = "likelihoods.npz"
"""In a run's folder: `log_prob` and, where it is known, `truth`, `(n,)` each in the order of the test examples."""

TRUTH = "truth"
"""The row of the true density."""

LARGEST = 1e40
"""Log-likelihoods from which on variances of variances are no numbers."""
PARTS = ("rows", "examples", "means", "triangle")
AGREEMENT = 1e-9
"""Relative, between a row's mean and the table's NLL: both are sums of the same numbers in another order."""

Run = dict[str, Any]


class TestSet:
    """The runs that were measured on the same examples.

    Attributes:
        rows: id of each run's row, `TRUTH` among them.
        products: of their log-likelihoods.
    """

    __test__ = False  # a name that pytest would collect

    def __init__(self, rows: Iterable[str], products: Products) -> None:
        self.rows, self.products = tuple(rows), products
        self.place = {row: place for place, row in enumerate(self.rows)}

    @classmethod
    def of(cls, values: Mapping[str, Floats]) -> "TestSet":
        """From each row's log-likelihoods, `(n,)` in nats."""
        return cls(values, Products.of(np.stack(list(values.values()))))

    def only(self, rows: Collection[str]) -> "TestSet":
        """Some of the rows, and the truth."""
        kept = [place for row, place in self.place.items() if row in rows or row == TRUTH]
        square = self.products.products[np.ix_(kept, kept)]
        products = Products(self.products.examples, self.products.means[kept], square)
        return TestSet([self.rows[place] for place in kept], products)

    def with_new(self, new: "TestSet") -> "TestSet":
        """These rows and new ones, which replace those of their name; what was never in one place is NaN."""
        rows = [*new.rows, *(row for row in self.rows if row not in new.place)]
        means, square = np.full(len(rows), np.nan), np.full((len(rows), len(rows)), np.nan)
        for one in (self, new):
            places = [rows.index(row) for row in one.rows]
            means[places] = one.products.means
            square[np.ix_(places, places)] = one.products.products
        return TestSet(rows, Products(new.products.examples, means, square))


def from_runs(runs: list[Run], folder: Path, warnings: list[str]) -> dict[str, TestSet]:
    """hash of the test examples -> the runs measured on them, from the likelihoods in their folders.

    A test set that products.npz has of just these runs is taken from there.

    Args:
        runs: rows whose folders are under `folder / "runs"`.
        folder: of the study.
        warnings: takes a line for each file that does not fit its row, which is left out.
    """
    measured = [run for run in runs if run.get("test_hash") is not None and run.get("nll_nats") is not None]
    stored = still_valid(folder / PRODUCTS, measured)
    values: dict[str, dict[str, Floats]] = defaultdict(dict)
    for run in measured:
        if run["test_hash"] in stored:
            continue
        path = row_folder(folder / FOLDER, run["run_id"]) / LIKELIHOODS
        try:
            arrays = read_likelihoods(path, run)
        except FileNotFoundError:
            warnings.append(f"{path} is absent; the interval of {run['run_id']} takes its standard error alone")
            continue
        except Unreadable as error:
            warnings.append(f"{path} is broken ({error}); left out")
            continue
        values[run["test_hash"]][run["run_id"]] = arrays["log_prob"]
        if TRUTH in arrays:
            values[run["test_hash"]].setdefault(TRUTH, arrays[TRUTH])
    return stored | {test_hash: TestSet.of(of_set) for test_hash, of_set in values.items()}


def still_valid(path: Path, measured: list[Run]) -> dict[str, TestSet]:
    """The test sets of a products.npz that has just these runs, with their likelihoods, each pair seen together."""
    by_hash: dict[str, list[Run]] = defaultdict(list)
    for run in measured:
        by_hash[run["test_hash"]].append(run)
    found = {}
    try:
        arrays = arrays_of(path)
    except (FileNotFoundError, Unreadable):
        return {}
    for test_hash, runs in by_hash.items():
        try:
            one = unpacked(arrays, test_hash)
            check_fit({test_hash: one}, runs)
        except Unreadable:
            continue
        rows = [row for row in one.rows if row != TRUTH]
        if rows == [run["run_id"] for run in runs] and np.isfinite(one.products.products).all():
            found[test_hash] = one
    return found


def read_likelihoods(path: Path, run: Run) -> dict[str, Floats]:
    """The log-likelihoods of a run's test examples, and the truth's.

    Raises:
        FileNotFoundError: there are none.
        Unreadable: they are not those of the row.
    """
    arrays = {name: array for name, array in arrays_of(path).items() if name in ("log_prob", TRUTH)}
    examples = (run["nll_examples"],)
    for name, array in arrays.items():
        if array.dtype != np.float64 or array.shape != examples or not (np.abs(array) < LARGEST).all():
            raise Unreadable(f"{name} is not {run['nll_examples']} numbers below {LARGEST:g}")
    if "log_prob" not in arrays or not agree(-float(arrays["log_prob"].mean()), run["nll_nats"]):
        raise Unreadable("its mean is not the row's NLL")
    return arrays


def merged(old: Mapping[str, TestSet], new: Mapping[str, TestSet], kept: Collection[str]) -> dict[str, TestSet]:
    """The test sets of a study: new rows, and of old ones those that are kept."""
    stayed = {test_hash: one.only(kept) for test_hash, one in old.items() if set(one.rows) & set(kept)}
    both = {test_hash: stayed[test_hash].with_new(one) for test_hash, one in new.items() if test_hash in stayed}
    return dict(sorted({**stayed, **new, **both}.items()))


def packed(test_sets: Mapping[str, TestSet]) -> dict[str, NDArray[Any]]:
    """The arrays of products.npz; of each symmetric matrix the upper triangle."""
    arrays: dict[str, NDArray[Any]] = {}
    for test_hash, one in test_sets.items():
        triangle = one.products.products[np.triu_indices(len(one.rows))]
        parts = (np.array(one.rows), np.array(one.products.examples), one.products.means, triangle)
        arrays |= {f"{name}/{test_hash}": part for name, part in zip(PARTS, parts, strict=True)}
    return arrays


def read_products(path: Path, runs: list[Run]) -> dict[str, TestSet]:
    """The test sets in products.npz; none where it is absent.

    Args:
        path: of the file.
        runs: rows of the study's table, which it is held against.

    Raises:
        BenchError: it is no such file, or not of this table.
    """
    try:
        arrays = arrays_of(path)
    except FileNotFoundError:
        return {}
    except Unreadable as error:
        raise BenchError(f"{path} cannot be read ({error}); restore the file") from error
    hashes = sorted({name.partition("/")[2] for name in arrays})
    try:
        test_sets = {test_hash: unpacked(arrays, test_hash) for test_hash in hashes}
        check_fit(test_sets, runs)
    except Unreadable as error:
        raise BenchError(f"{path} does not fit the table ({error}); restore both") from error
    return test_sets


def unpacked(arrays: Mapping[str, NDArray[Any]], test_hash: str) -> TestSet:
    """The test set of a hash.

    Raises:
        Unreadable: a part is missing, or of another form.
    """
    if any(f"{name}/{test_hash}" not in arrays for name in PARTS):
        raise Unreadable(f"a part of {test_hash} is missing")
    rows, examples, means, triangle = (arrays[f"{name}/{test_hash}"] for name in PARTS)
    size = len(rows) if rows.ndim == 1 and rows.dtype.kind == "U" else 0
    numbers = means.dtype == triangle.dtype == np.float64 and examples.dtype.kind == "i" and examples.shape == ()
    if not numbers or means.shape != (size,) or triangle.shape != (size * (size + 1) // 2,) or len(set(rows)) < size:
        raise Unreadable(f"the parts of {test_hash} have other shapes or types")
    square = np.zeros((size, size))
    square[np.triu_indices(size)] = triangle
    square = square + np.triu(square, 1).T
    own = square.diagonal()
    if not ((own >= 0).all() and (own < examples * LARGEST**2).all() and np.isfinite(means).all()):
        raise Unreadable(f"the products of {test_hash} are none")
    # A NaN is a pair that was never in one place; what is known holds the inequality of Cauchy and Schwarz.
    if (abs(square) > np.sqrt(np.outer(own, own)) * (1 + AGREEMENT)).any():
        raise Unreadable(f"the products of {test_hash} are none")
    return TestSet(map(str, rows), Products(int(examples), means, square))


def check_fit(test_sets: Mapping[str, TestSet], runs: list[Run]) -> None:
    """Holds test sets against the rows of the table.

    Raises:
        Unreadable: a row is not in the table, or has another mean, number or hash of examples there.
    """
    known = {run["run_id"]: run for run in runs}
    for test_hash, one in test_sets.items():
        for row, mean in zip(one.rows, one.products.means, strict=True):
            if row == TRUTH:
                continue
            run = known.get(row)
            if run is None:
                raise Unreadable(f"{row} is no row of it")
            if (run.get("test_hash"), run.get("nll_examples")) != (test_hash, one.products.examples):
                raise Unreadable(f"{row} has other test examples there")
            if run.get("nll_nats") is None or not agree(-float(mean), run["nll_nats"]):
                raise Unreadable(f"{row} has another likelihood there")


def agree(a: float, b: float) -> bool:
    """True for numbers that are equal but for the order of their sums."""
    return abs(a - b) <= AGREEMENT * max(1.0, abs(a), abs(b))
