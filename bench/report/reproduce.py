"""`bench reproduce`: what studies obtained beside what was published, from their stored tables alone."""

import math
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import BenchError
from bench.record.columns import bounded
from bench.record.store import TABLE, has_table, studies_in
from bench.record.study_folder import study_folder
from bench.report.intervals import LEVEL, Interval, normal_interval, t_interval
from bench.report.model_summary import ORACLE, ModelSummary
from bench.report.numbers import quantity
from bench.report.published import COUNTERPARTS, HIGHER, Counterpart, counterparts
from bench.report.study import Run, load, words_of
from bench.report.summary import summarise
from bench.report.tables import share

README = "README.md"
ORACLE_COLUMN, ORACLE_ERROR = "oracle_nll_nats", "oracle_standard_error"
HEADINGS = ("data", "entry", "quantity", "obtained", "published", "difference", "verdict", "published by")

NOTE = (
    f"obtained: mean and {LEVEL:.0%} interval, of a single seed or the data that over test examples alone.",
    "published: with the error that was given and what it is of; log-likelihoods are turned round for nll_nats.",
    f"verdict: within, where the {LEVEL:.0%} interval of the difference holds 0, above or below where it does not.",
    "  Both errors are in it: a published one of unknown kind counts as a standard error, one seed of ours varies as",
    "  published runs do. No error given: by the publication or by ours.",
    "published by: source; certainty (read, quoted, recalled or computed); what differs, by its number below.",
)


class Obtained(NamedTuple):
    """A study's value of a published quantity.

    Attributes:
        study: it is of; empty where nothing was obtained.
        name: whose value it is, with what the study varied in brackets.
        interval: of it.
        over: what it is a mean over, in words.
        slack: how much too high it may be, in its unit: 0 for no bound, None for one of which nobody knows.
    """

    study: str
    name: str
    interval: Interval
    over: str
    slack: float | None


def reproduce(study: str, results_dir: Path) -> list[str]:
    """A table in lines: one for each published number that the study has a counterpart of, and notes.

    Raises:
        BenchError: the study is unknown or has no table, or nothing published stands beside it.
    """
    folder = study_folder(study, results_dir)
    if not has_table(folder):
        raise BenchError(f"{folder} has no {TABLE}; make it with: bench report {shlex.quote(study)}")
    models = finished_models(folder)
    pairs = [(each, result) for each in counterparts() for result in obtained(study, models, each)]
    if not pairs:
        raise BenchError(f"nothing published stands beside the data of study {study}; see {COUNTERPARTS.name}")
    return table(pairs, HEADINGS)


def reproduce_all(results_dir: Path, described: bool = False) -> list[str]:
    """The same over all studies, and a line for each published number that none of them has a counterpart of yet.

    Args:
        results_dir: holds the studies.
        described: takes only those that have a README.

    Raises:
        BenchError: there is no study with a table.
    """
    folders = studies_in(results_dir)
    folders = [folder for folder in folders if not described or (folder / README).is_file()]
    if not folders:
        raise BenchError(f"no study in {results_dir} has a {TABLE}; make one with: bench report STUDY")
    studies = {folder.name: finished_models(folder) for folder in folders}
    pairs: list[tuple[Counterpart, Obtained | None]] = []
    for each in counterparts():
        results = [result for study, models in studies.items() for result in obtained(study, models, each)]
        pairs += [(each, result) for result in results] or [(each, None)]
    return table(pairs, ("study", *HEADINGS))


def finished_models(folder: Path) -> list[ModelSummary]:
    """The models of a study's table of which a run has finished."""
    stored = load(folder)
    return [model for model in summarise(stored.runs, stored.test_sets) if model.finished]


def obtained(study: str, models: list[ModelSummary], counterpart: Counterpart) -> list[Obtained]:
    """A study's values of a published quantity.

    They are of the models of the data set and the entry whose commands have the published options; each way in which
    the study varied what those leave open has its own value. What the data themselves have is looked up in any run.
    """
    same = [model for model in models if model.data == counterpart.data]
    if not counterpart.model:
        return of_data(study, [run for model in same for run in model.finished], counterpart.column)
    found = []
    for model in same:
        interval = model.intervals.get(counterpart.column)
        if interval is not None and all(is_counterpart(run, counterpart) for run in model.finished):
            slack = slack_of(model, counterpart.column)
            found.append(Obtained(study, full_name(model), interval, measured_over(model, interval.n), slack))
    return found


def of_data(study: str, runs: list[Run], column: str) -> list[Obtained]:
    """The value that the data themselves have: over test examples, or over seeds where each has its own examples."""
    by_seed = {run["seed"]: run for run in runs if run[column] is not None}
    if not by_seed:
        return []
    values = [float(run[column]) for run in by_seed.values()]
    first = next(iter(by_seed.values()))
    alone = normal_interval(values[0], first[ORACLE_ERROR] if column == ORACLE_COLUMN else None)
    interval = t_interval(values) if len(set(values)) > 1 else alone
    return [Obtained(study, ORACLE, interval, "", 0.0)]


def slack_of(model: ModelSummary, column: str) -> float | None:
    """How much too high a bound may be, in the column's unit: 0 for what is none, None where it is not known."""
    if column not in bounded() or model.slack is None:
        return 0.0 if column not in bounded() else None
    nll, value = model.intervals.get("nll_nats"), model.intervals[column]
    scale = value.mean / nll.mean if column == "bits_per_dim" and nll is not None and nll.mean else 1.0
    return model.slack * abs(scale)


def is_counterpart(run: Run, counterpart: Counterpart) -> bool:
    """True for a run of the entry whose command has the options."""
    return bool(run["model"] == counterpart.model) and counterpart.options <= set(words_of(run))


def full_name(model: ModelSummary) -> str:
    """The model's name, with its setting and its share of the budget where its runs say them."""
    budget = f"budget {share(model.rung)}" if model.rung is not None else ""
    return ", ".join(filter(None, (model.model, model.setting, budget)))


def measured_over(model: ModelSummary, runs: int) -> str:
    """Seeds that a value is a mean over, and its test examples."""
    examples = "/".join(f"{number:,}" for number in sorted(filter(None, model.measured_on())))
    tests = f", {examples} tests" if examples else ""
    return f" ({runs} seed{'s' * (runs > 1)}{tests})"


def verdict(counterpart: Counterpart, result: Obtained, difference: Interval) -> str:
    """What the difference says, in a word or two.

    A bound may show its model better than what was published; worse, only by what is left without its slack.
    """
    if counterpart.not_comparable:
        return refused(counterpart)
    worse = (difference.mean > 0) != (counterpart.column in HIGHER)
    if worse and result.slack is None:
        return "not comparable: how loose our bound is is not known"
    if difference.half_width is None:
        return "no error given"
    if not difference.excludes_zero:
        return "within"
    if worse and abs(difference.mean) - (result.slack or 0.0) <= difference.half_width:
        return "not comparable: our bound may be as much too high"
    side = "above" if difference.mean > 0 else "below"
    return f"{side} ({'worse' if worse else 'better'})" if counterpart.model else side


def refused(counterpart: Counterpart) -> str:
    """Why no verdict can be given; empty where one can."""
    return f"not comparable: {counterpart.not_comparable}" if counterpart.not_comparable else ""


def difference_of(counterpart: Counterpart, interval: Interval) -> Interval:
    """Ours less the published number; its half-width is the root of the squares of both (Zou & Donner 2008)."""
    theirs = counterpart.half_width(interval.n)
    known = interval.half_width is not None and theirs is not None
    half_width = math.hypot(interval.half_width or 0.0, theirs or 0.0) if known else None
    return Interval(interval.mean - counterpart.value, half_width, interval.n)


def compared(counterpart: Counterpart, result: Obtained | None, remark: int) -> dict[str, str]:
    """One row of the table."""
    row = counterpart.published
    error = f" ± {row['error']}" if row["error"] else ""
    kind = f" ({row['error_kind']})" if row["error_kind"] else ""
    cells = {
        "study": "-",
        "data": counterpart.data,
        "entry": " ".join([counterpart.model or ORACLE, *sorted(counterpart.options)]),
        "quantity": counterpart.column,
        "obtained": "-",
        "published": f"{turned(counterpart)}{error}{kind}",
        "difference": "-",
        "verdict": refused(counterpart) or "no run here",
        "published by": f"{row['model']}; {row['source']}; {row['certainty']}; [{remark}]",
    }
    if result is None:
        return cells
    difference = difference_of(counterpart, result.interval)
    return cells | {
        "study": result.study,
        "entry": result.name,
        "obtained": f"{quantity(result.interval, digits=6)}{result.over}",
        "difference": signed(difference),
        "verdict": verdict(counterpart, result, difference),
    }


def turned(counterpart: Counterpart) -> str:
    """The published number as it was written, in the sense of our column."""
    written = counterpart.published["value"]
    if counterpart.value == float(written):
        return written
    return written.removeprefix("-") if written.startswith("-") else f"-{written}"


def signed(difference: Interval) -> str:
    """A difference with its sign, and the half-width of its interval where it has one."""
    width = "" if difference.half_width is None else f" ± {difference.half_width:.4f}"
    return f"{difference.mean:+.4f}{width}"


def table(pairs: list[tuple[Counterpart, Any]], headings: tuple[str, ...]) -> list[str]:
    """The rows under their headings, in columns, and the notes and remarks below."""
    remarks = list(dict.fromkeys(each.differs for each, _ in pairs))
    rows = [compared(each, result, remarks.index(each.differs) + 1) for each, result in pairs]
    cells = [headings, *(tuple(row[heading] for heading in headings) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [*lines, "", *NOTE, *(f"[{number}] {remark}" for number, remark in enumerate(remarks, 1))]
