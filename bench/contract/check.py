"""The entry contract held against any entry: `bench check MODEL`.

An entry is built through the options of its own YAML, trained for a few seconds on small data whose truth is known, and
held against every contract of `CONTRACTS` on the data that it models: a plane, a cube and small pictures, of real
numbers, of levels and of bits. Seeds are fixed: one entry gets one verdict.
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from bench.contract import (
    decoder,
    density,
    evaluated,
    finishing,
    inputs,
    interface,
    isolation,
    labels,
    latent,
    mode,
    moments,
    prior,
    proposal,
    sampling,
    stored,
    training,
    weights,
)
from bench.contract.outcome import Absent, Broken, raised
from bench.contract.subject import Subject
from bench.contract.testbed import Build, Testbed

Contract = Callable[[Testbed], None]

FOUNDATIONS: dict[str, Contract] = {
    "builds": interface.builds,
    "shapes": interface.shapes,
    "trains": training.trains,
}
"""Contracts that every other one stands on: where one of these fails, the others are skipped."""

CONTRACTS: dict[str, Contract] = {
    "width": interface.width,
    "gradients": training.gradients,
    "per-example": training.per_example,
    "resumes": training.resumes,
    "finishes": finishing.finishes,
    "stored": stored.stored,
    "evaluated": evaluated.evaluated,
    "inputs": inputs.inputs,
    "estimator": density.estimator,
    "normalised": density.normalised,
    "weights": weights.weights,
    "bound": density.bound,
    "truth": density.truth,
    "samples": sampling.samples,
    "moments": moments.moments,
    "inverse": latent.inverse,
    "prior": prior.prior,
    "decoder": decoder.decoder,
    "marginal": decoder.marginal,
    "posterior": decoder.posterior,
    "proposal": proposal.proposal,
    "classes": labels.classes,
    "clusters": labels.clusters,
    "state": isolation.state,
    "mode": mode.mode,
    "batch": isolation.batch,
    "seed": isolation.seed,
    "extremes": isolation.extremes,
}

ON_ALL_DATA = {
    "builds",
    "shapes",
    "width",
    "estimator",
    "normalised",
    "weights",
    "bound",
    "truth",
    "samples",
    "moments",
}
"""Contracts of likelihood and of form, held on every testbed; the others on one of each sort, see `Subject.few`."""


@dataclass(frozen=True)
class Failure:
    """One broken contract.

    Attributes:
        contract: its name.
        seen: what the check saw.
        remedy: what to do.
        error: the exception that told, with its traceback.
    """

    contract: str
    seen: str
    remedy: str
    error: Exception | SystemExit | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"FAIL {self.contract}: {self.seen}; {self.remedy}"

    @property
    def traceback(self) -> str:
        """The traceback of what the entry raised; empty where it raised nothing."""
        told = self.error.__cause__ if isinstance(self.error, Broken) else self.error
        return "" if told is None else "".join(traceback.format_exception(told)).rstrip()


def check_entry(
    build: Build, *, report: Callable[[str], None] = print, tracebacks: bool = False, seed: int = 0
) -> list[Failure]:
    """Holds every contract against one entry; takes seconds to a minute on one core.

    Args:
        build: makes the entry for a `DataSpec` and a width; None stands for the width of its YAML.
        report: receives one line per contract, `ok NAME`, `FAIL NAME: reason` or `skip NAME: why`, and a last one that
            begins with `passes` or `fails`.
        tracebacks: whether the traceback of an exception follows the line that names it.
        seed: of data, weights and samples.

    Returns:
        The contracts that are broken; none for a sound entry. The caller's random state is left as it was.
    """
    failures: list[Failure] = []
    subject = Subject(build, seed)
    held = 0
    with torch.random.fork_rng(devices=[]):
        for name in [*FOUNDATIONS, *CONTRACTS]:
            fallen = next((failure.contract for failure in failures if failure.contract in FOUNDATIONS), None)
            if fallen is not None:
                report(f"skip {name}: needs {fallen}")
                continue
            outcome = verdict(name, subject)
            report(str(outcome))
            if isinstance(outcome, Failure):
                failures.append(outcome)
                if tracebacks and outcome.traceback:
                    report(outcome.traceback)
            held += str(outcome).startswith("ok ")
    names = ", ".join(failure.contract for failure in failures)
    count = f"{held} of {held + len(failures)} contracts"
    report(f"fails: {names}; {count} hold" if failures else f"passes: {count}")
    return failures


def verdict(name: str, subject: Subject) -> Failure | str:
    """The failure of one contract, or the line that says that it holds, or applies to none of the data."""
    contract = {**FOUNDATIONS, **CONTRACTS}[name]
    absent: list[Absent] = []
    where = ""
    try:
        testbeds = subject.testbeds if name in ON_ALL_DATA else subject.few
        for testbed in testbeds:
            where = f" on the {testbed.name}"
            torch.manual_seed(testbed.stream(0))
            try:
                contract(testbed)
            except Absent as reason:
                absent.append(reason)
    except Broken as broken:
        return Failure(name, broken.seen, broken.remedy, broken)
    except (Exception, SystemExit) as error:  # an entry may raise anything: whatever it raises is the finding
        return Failure(name, f"{raised(error)}{where}", "make the entry run on small inputs", error)
    return f"skip {name}: {absent[0]}" if len(absent) == len(testbeds) else f"ok {name}"
