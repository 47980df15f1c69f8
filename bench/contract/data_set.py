"""The contract of a data set, held against any: `bench check DATA`.

A data set is built twice through the options of its own YAML, under other global random states, and looked through.
A faulty foundation hides what stands on it.
"""

import contextlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from bench.config import Config
from bench.contract.inverse import inverse
from bench.contract.outcome import described
from bench.data.columns import column_refusals, column_warnings
from bench.data.content import arrays_of
from bench.data.dataset import Dataset
from bench.data.inspection import (
    SPLITS,
    as_float32,
    few_examples,
    form_refusals,
    model_space_refusals,
    value_refusals,
)
from bench.data.jacobian import space_refusal
from bench.data.rows import Rows, row_refusals, row_warnings
from bench.errors import BenchError
from bench.setup.build import returned
from bench.setup.check_data import sizes

DRAWN = 8
"""Training rows whose noise is drawn twice."""

ANOTHER_SEED = 1
"""Of a run, where the splits differ between seeds."""


@dataclass(frozen=True)
class Subject:
    """The data set under check.

    Attributes:
        dataset: as its function returned it, with float32 where entries meet it.
        build: makes it once more.
    """

    dataset: Dataset
    build: Callable[[], Dataset]


Contract = Callable[[Subject], Iterator[str]]
"""Yields a line for each fault: what was seen, and what to do."""


def repeatable(subject: Subject) -> Iterator[str]:
    """The same rows each time, whatever the global random states are; of another seed as well."""
    shake(2)
    again = as_float32(subject.build())[0]
    yield from differences(subject.dataset, again, "a second call")
    if subject.dataset.by_seed is None or list(seeds(subject)):
        return
    first = subject.dataset.of_seed(ANOTHER_SEED)
    shake(3)
    yield from differences(first, again.of_seed(ANOTHER_SEED), f"a second by_seed({ANOTHER_SEED})")


def differences(first: Dataset, second: Dataset, what: str) -> Iterator[str]:
    """A line where two data sets have other content."""
    one, two = arrays_of(first), arrays_of(second)
    changed = [name for name in one if one[name] != two[name]]
    if changed:
        remedy = "draw from a generator with a seed of its own, and sort what comes from folders and sets"
        yield f"{what} gives another {' and '.join(changed)}; {remedy}"


def noise(subject: Subject) -> Iterator[str]:
    """The same generator gives the same noise, and no other source does."""
    rows, space = subject.dataset.train[:DRAWN], subject.dataset.space
    drawn = []
    for state in (4, 5):
        shake(state)
        drawn.append(space.to_model(rows.clone(), torch.Generator().manual_seed(0)))
    if not torch.equal(*drawn):
        yield f"{type(space).__name__}.to_model draws noise beside its generator; hand `generator` to every draw"


def seeds(subject: Subject) -> Iterator[str]:
    """Data of another seed have the same spec, and splits as sound as these."""
    if subject.dataset.by_seed is None:
        return
    try:
        other = subject.dataset.of_seed(ANOTHER_SEED)
    except BenchError as error:
        yield str(error)
        return
    for line in (*form_refusals(other), *value_refusals(other), *row_refusals(Rows(other))):
        yield f"by_seed({ANOTHER_SEED}): {line}"


def classes(subject: Subject) -> Iterator[str]:
    """Every class of validation and test has training examples to learn it from."""
    labels = subject.dataset.labels
    if labels is None:
        return
    known = set(labels[0].tolist())
    for name, part in zip(SPLITS[1:], labels[1:], strict=True):
        new = sorted(set(part.tolist()) - known)
        if new:
            yield f"class {new[0]} of {name} stands in no row of train; split the rows anew, or leave the class out"


FOUNDATIONS: dict[str, Contract] = {
    "form": lambda subject: form_refusals(subject.dataset),
    "values": lambda subject: value_refusals(subject.dataset),
    "model space": lambda subject: model_space_refusals(subject.dataset),
}
"""Sizes, shapes and kinds, finite values, finite events: where one of these fails, the others are skipped."""

CONTRACTS: dict[str, Contract] = {
    "rows": lambda subject: row_refusals(Rows(subject.dataset)),
    "columns": lambda subject: column_refusals(subject.dataset),
    "log-determinant": lambda subject: space_refusal(subject.dataset),
    "inverse": lambda subject: inverse(subject.dataset),
    "noise": noise,
    "classes": classes,
    "seeds": seeds,
    "repeatable": repeatable,
}


def check_dataset(config: Config, report: Callable[[str], None]) -> bool:
    """Holds every contract against the data set of a configuration; False where one is broken.

    Args:
        config: its `data` names the data set.
        report: takes a line for the sizes, for each contract and each warning, and for the verdict.

    Raises:
        BenchError: it cannot be built.
    """
    name = config.data["name"]
    with random_states_kept():
        shake(1)
        found = returned(config)
        broken, warnings = held(found, lambda: returned(config), name, report)
    count = f"{warnings} warning{'s' * (warnings != 1)}"
    report(f"{name}: refused ({', '.join(broken)}), {count}" if broken else f"{name}: sound, {count}")
    return not broken


def held(
    dataset: Dataset, build: Callable[[], Dataset], name: str, report: Callable[[str], None]
) -> tuple[list[str], int]:
    """The broken contracts of a data set, and the number of warnings.

    Args:
        dataset: as its function returned it.
        build: makes it once more.
        name: of the data set.
        report: takes the lines.
    """
    faults = list(form_refusals(dataset))
    converted: tuple[str, ...] = ()
    if not faults:
        dataset, converted = as_float32(dataset)
        report(f"{name}: {sizes(dataset)}")
    subject = Subject(dataset, build)
    broken: list[str] = []
    for contract, yields in {**FOUNDATIONS, **CONTRACTS}.items():
        fallen = next((one for one in broken if one in FOUNDATIONS), None)
        if fallen is not None:
            report(f"skip {contract}: needs {fallen}")
            continue
        lines = faults if contract == "form" else found_by(yields, subject)
        for line in [f"FAIL {contract}: {line}" for line in lines] or [f"ok {contract}"]:
            report(line)
        broken += [contract] * bool(lines)
    warnings = (
        [*converted] if any(one in FOUNDATIONS for one in broken) else [*converted, *read_with_care(dataset, broken)]
    )
    for line in warnings:
        report(f"warn {line}")
    return broken, len(warnings)


def found_by(contract: Contract, subject: Subject) -> list[str]:
    """The faults that a contract finds; what the data set's own code raises is one."""
    try:
        return list(contract(subject))
    except Exception as error:  # a user's space or function may raise anything: whatever it raises is the finding
        return [f"raises {described(error)}; mend it"]


def read_with_care(dataset: Dataset, broken: list[str]) -> Iterator[str]:
    """The warnings of a data set; those of columns only where no contract is broken."""
    rows = Rows(dataset)
    yield from dataset.warnings
    yield from few_examples(dataset)
    yield from row_warnings(rows)
    if not broken and not dataset.notes:
        yield from column_warnings(dataset, rows)


@contextlib.contextmanager
def random_states_kept() -> Iterator[None]:
    """Leaves the global random states of torch, Python and numpy as they were."""
    plain, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(plain)
        np.random.set_state(numpy)  # noqa: NPY002


def shake(seed: int) -> None:
    """Sets the global random states, so that what depends on them shows."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
