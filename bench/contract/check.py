"""The entry contract held against any entry: `bench check MODEL`.

An entry is built through the options of its own YAML, trained for a few seconds on small data whose truth is known, and
held against every contract of `CONTRACTS`. Seeds are fixed: one entry gets one verdict.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from bench.contract import decoder, density, finishing, interface, isolation, labels, latent, prior, sampling, training
from bench.contract.outcome import Absent, Broken, described
from bench.contract.testbed import Build, Subject

Contract = Callable[[Subject], None]

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
    "estimator": density.estimator,
    "normalised": density.normalised,
    "bound": density.bound,
    "truth": density.truth,
    "samples": sampling.samples,
    "inverse": latent.inverse,
    "prior": prior.prior,
    "decoder": decoder.decoder,
    "marginal": decoder.marginal,
    "posterior": decoder.posterior,
    "classes": labels.classes,
    "clusters": labels.clusters,
    "state": isolation.state,
    "batch": isolation.batch,
    "seed": isolation.seed,
    "extremes": isolation.extremes,
}


@dataclass(frozen=True)
class Failure:
    """One broken contract.

    Attributes:
        contract: its name.
        seen: what the check saw.
        remedy: what to do.
    """

    contract: str
    seen: str
    remedy: str

    def __str__(self) -> str:
        return f"FAIL {self.contract}: {self.seen}; {self.remedy}"


def check_entry(build: Build, *, report: Callable[[str], None] = print) -> list[Failure]:
    """Holds every contract against one entry; takes seconds to a minute on one core.

    Args:
        build: makes the entry for a `DataSpec` and a width; None stands for the width of its YAML.
        report: receives one line per contract: `ok NAME`, `FAIL NAME: reason` or `skip NAME: why`.

    Returns:
        The contracts that are broken; none for a sound entry. The caller's random state is left as it was.
    """
    failures: list[Failure] = []
    subject = Subject(build)
    with torch.random.fork_rng(devices=[]):
        for name, contract in {**FOUNDATIONS, **CONTRACTS}.items():
            fallen = next((failure.contract for failure in failures if failure.contract in FOUNDATIONS), None)
            if fallen is not None:
                report(f"skip {name}: needs {fallen}")
                continue
            outcome = verdict(name, contract, subject)
            report(outcome if isinstance(outcome, str) else str(outcome))
            if isinstance(outcome, Failure):
                failures.append(outcome)
    return failures


def verdict(name: str, contract: Contract, subject: Subject) -> Failure | str:
    """The failure of one contract, or the line that says it holds or does not apply."""
    torch.manual_seed(0)
    try:
        contract(subject)
    except Broken as broken:
        return Failure(name, broken.seen, broken.remedy)
    except Absent as absent:
        return f"skip {name}: {absent}"
    except Exception as error:  # an entry may raise anything: whatever it raises is the finding
        return Failure(name, described(error), "make the entry run on small inputs")
    return f"ok {name}"
