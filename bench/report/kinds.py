"""The answers of all studies by kind of data: which family is first there, how sure, and how far the others are."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from bench.report.families import Standing
from bench.report.overview import DENSITIES, DIGITS, MNIST, TABLES, Answer, Overview

ALWAYS = (DIGITS, MNIST, DENSITIES, TABLES)
"""Kinds that the index has a place for, also where no study has such data."""
OTHER, FITTED = "other trained", "fitted reference"
COLUMNS = ("VAE", "flow", "ODE flow", OTHER, FITTED)
"""Of the table of answers: the families that the question is about, then the best of the rest."""

Found = tuple[Overview, Answer]


class Kind(NamedTuple):
    """One kind of data.

    Attributes:
        name: in words.
        current: the answers of today's version, each with its study.
        older: those that have rows of an older one.
    """

    name: str
    current: list[Found]
    older: list[Found]

    @property
    def sentence(self) -> str:
        """Which families are first, of today's answers where there are any."""
        if self.current or not self.older:
            return tally(once(self.current)) or "No study here compares families on such data."
        return f"Only older versions. {tally(once(self.older))}".rstrip()


def by_kind(studies: Sequence[Overview], names: Sequence[str]) -> list[Kind]:
    """The answers by kind of data, in the order of `names`; within a kind by data set, then by study."""
    found = sorted(
        ((study, answer) for study in studies for answer in study.answers),
        key=lambda pair: (pair[1].card.data, pair[0].name),
    )
    kinds = []
    for name in names:
        own = [pair for pair in found if pair[1].kind == name]
        if own or name in ALWAYS:
            kinds.append(Kind(name, [p for p in own if not p[1].older], [p for p in own if p[1].older]))
    return kinds


def once(found: Sequence[Found]) -> list[Answer]:
    """One answer a data set: of several studies that which compares the most families, and of these the most models."""
    best: dict[str, Answer] = {}
    for _, answer in found:
        known = best.get(answer.card.data)
        if known is None or breadth(answer) > breadth(known):
            best[answer.card.data] = answer
    return list(best.values())


def breadth(answer: Answer) -> tuple[int, int]:
    """How many of the three families, and how many models, are compared."""
    return sum(one.family in COLUMNS[:3] for one in answer.card.families), answer.card.others


def tally(answers: Sequence[Answer]) -> str:
    """Which family is first on how many data sets, for sure on how many, and how often others are behind for sure.

    Data sets where one family alone was compared say nothing of that.
    """
    cards = [answer.card for answer in answers if len(answer.card.families) > 1]
    if not cards:
        return ""
    firsts = Counter(card.family for card in cards)
    sure = Counter(card.family for card in cards if card.state in {"sure", "family sure"})
    behind = [one for card in cards for one in card.families if one.gap]
    others = Counter(one.family for one in behind)
    apart = Counter(one.family for one in behind if one.told_apart)
    total = f"{len(cards)} data set{'s' * (len(cards) > 1)}"
    led = [family for family in firsts if 2 * sure[family] > len(cards)]
    counts = [
        f"{family} on {count}" + f" (sure on {sure[family]})" * bool(sure[family])
        for family, count in firsts.most_common()
    ]
    sentences = {
        "Take": [f"{family}, first for sure on {sure[family]} of {total}" for family in led],
        f"Undecided. Lowest mean, of {total}": counts * (not led),
        "Behind for sure": [
            f"{family} on {apart[family]} of {count}" for family, count in others.items() if apart[family]
        ],
        "Never told apart": [family for family in others if not apart[family]],
    }
    return " ".join(f"{words}: {', '.join(names)}." for words, names in sentences.items() if names)


def columns_of(kinds: Sequence[Kind]) -> list[str]:
    """The columns of the table of answers: the three families, and what else some data set has a model of."""
    answers = [answer for kind in kinds for _, answer in (*kind.current, *kind.older)]
    return [name for name in COLUMNS if name in COLUMNS[:3] or any(in_column(answer, name) for answer in answers)]


def in_column(answer: Answer, column: str) -> Standing | None:
    """The family of a data set that stands in that column; of several the one that is nearest to the first."""
    return next((one for one in answer.card.families if column_of(one) == column), None)


def column_of(one: Standing) -> str:
    """The column that a family stands in."""
    return FITTED if one.is_floor else one.family if one.family in COLUMNS else OTHER
