"""A study in brief, as the index of all studies shows it: question, date, runs, version and a card per data set."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.errors import BenchError
from bench.record.key import EVALUATION_VERSION, TRAINING_VERSION
from bench.record.reading import as_it_lies
from bench.record.store import TABLE, studies_in
from bench.record.typed import printable
from bench.report.cards import Card, cards
from bench.report.model_summary import ModelSummary, count_words, version_of
from bench.report.ranking import differences
from bench.report.study import Run, load
from bench.report.summary import summarise

QUESTION_LENGTH = 400
NO_STUDY = frozenset({"scratch"})
"""Folders of runs that belong to no study."""


class Answer(NamedTuple):
    """A study's answer on one data set.

    Attributes:
        card: who is first, by how much, how sure, at which cost.
        kind: of the data, one of `KINDS`.
        budget: parameters and steps of the trained entries, in words.
        older: whether some of its rows are not of today's version.
    """

    card: Card
    kind: str
    budget: str
    older: bool


class Overview(NamedTuple):
    """One study.

    Attributes:
        name: its folder.
        question: of its README.md; empty without one.
        made: the days of its first and last run; empty where rows do not say.
        runs: number of them.
        counts: by status, in words.
        older: why its numbers are not of today's version; empty where they are.
        fault: why its files cannot be read; there is nothing else then.
        answers: one a data set.
        readme: whether it has a README.md.
        table: the name of its table's file.
    """

    name: str
    question: str = ""
    made: str = ""
    runs: int = 0
    counts: str = ""
    older: str = ""
    fault: str = ""
    answers: Sequence[Answer] = ()
    readme: bool = False
    table: str = TABLE

    @property
    def in_short(self) -> str:
        """Who is first where, in a sentence or two."""
        return in_short([answer.card for answer in self.answers])


def overviews(results_dir: Path) -> list[Overview]:
    """Every study with a table: those of today's version first, then by name."""
    folders = [folder for folder in studies_in(results_dir) if folder.name not in NO_STUDY]
    return sorted(map(overview, folders), key=lambda study: (bool(study.fault), bool(study.older), study.name))


def overview(folder: Path) -> Overview:
    """One study, from the files of its folder; one that cannot be read says why."""
    try:
        study = load(folder)
        cells = summarise(study.runs, study.test_sets)
        pairs = differences(cells, study.test_sets)
        shown = cards(study, cells, pairs)
    except BenchError as error:
        return Overview(folder.name, fault=printable(str(error)))
    answers = []
    for one in shown:
        own = [cell for cell in cells if cell.data == one.data]
        behind = bool(older([run for cell in own for run in cell.runs]))
        answers.append(Answer(one, kind(own), budget(own), behind))
    return Overview(
        folder.name,
        question(folder),
        made(study.runs),
        len(study.runs),
        count_words(study.runs),
        older(study.runs),
        answers=answers,
        readme=(folder / "README.md").is_file(),
        table=as_it_lies(folder / TABLE).name,
    )


def question(folder: Path) -> str:
    """The first sentence of a study's README.md that asks; empty where none does."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for paragraph in text.split("\n\n"):
        words = " ".join(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", paragraph).split())
        asks = re.search(r"(?:^|(?<=[.!?] ))[^.!?#|]+(?:\.\d[^.!?#|]*)*\?", words)
        if asks:
            return printable(asks[0].replace("`", "").replace("*", ""))[:QUESTION_LENGTH]
    return ""


def made(runs: list[Run]) -> str:
    """The days of the first and the last run, such as `2026-11-02 to 2026-11-28`."""
    days = sorted({str(run["started"])[:10] for run in runs if run.get("started")})
    return "" if not days else days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def older(runs: list[Run]) -> str:
    """Why rows are not of today's version, in words; empty where all are."""
    today = (TRAINING_VERSION, EVALUATION_VERSION)
    finished = [run for run in runs if run["status"] == "ok"]
    behind = [run for run in finished if version_of(run) < today]
    if not behind:
        return ""
    training, evaluation = min(map(version_of, behind))
    which = "All rows are" if len(behind) == len(finished) else f"{len(behind)} of {len(finished)} rows are"
    return (
        f"{which} of an older version (training {training}, evaluation {evaluation}; today {today[0]} and {today[1]}): "
        "they are comparable among themselves, not with newer ones"
    )


WORDS = {"sure": "Sure", "family sure": "Sure of the family", "undecided": "Undecided, the lowest mean"}
"""Before the names of those who are first, by how sure that is."""


def in_short(shown: list[Card]) -> str:
    """Cards in some sentences: who is first for sure, where that is undecided, where none is first."""
    sentences = []
    for state, words in WORDS.items():
        firsts: dict[str, list[str]] = defaultdict(list)
        for card in shown:
            if card.state == state:
                firsts[card.first].append(card.data)
        named = "; ".join(f"{first} on {', '.join(data)}" for first, data in firsts.items())
        sentences += [f"{words}: {named}."] * bool(named)
    unnamed = [card.data for card in shown if card.state == "open"]
    return " ".join([*sentences, *([f"No first: {', '.join(unnamed)}."] if unnamed else [])])


DIGITS, MNIST, PICTURES, TABLES = "Digits, 8 by 8", "MNIST and its like, 28 by 28", "Other pictures", "Tables"
DENSITIES = "Two-dimensional and other known densities"
KINDS = (DIGITS, MNIST, DENSITIES, TABLES, PICTURES)
"""Kinds of data, in the order of the index."""


def kind(cells: list[ModelSummary]) -> str:
    """The kind of a data set, by its report space and its name."""
    name = cells[0].data
    space = " ".join(cell.named("nll_space") for cell in cells if not cell.oracle)
    if "pixels" in space or any("bits_per_dim" in cell.intervals for cell in cells):
        return DIGITS if name.startswith("digits") else MNIST if "mnist" in name else PICTURES
    return DENSITIES if any(cell.oracle for cell in cells) else TABLES


def budget(cells: list[ModelSummary]) -> str:
    """Parameters and steps of trained entries at their largest budget, such as `20,000 parameters, 320 steps`."""
    trained = [cell for cell in cells if cell.finished and not cell.is_floor]
    top = max((cell.rung or 1.0 for cell in trained), default=1.0)
    ranges = []
    for name in ("parameters", "steps"):
        asked = (
            re.search(rf"\b{name}=(\d+)", cell.named("matched_to")) for cell in trained if (cell.rung or 1.0) == top
        )
        values = sorted({int(one[1]) for one in asked if one})
        if values:
            ends = f"{values[0]:,}" if len(values) == 1 else f"{values[0]:,} to {values[-1]:,}"
            ranges.append(f"{ends} {name}")
    return ", ".join(ranges)
