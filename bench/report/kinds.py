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
            return tally([answer for _, answer in self.current]) or "No study here names a first on such data."
        return f"Only older versions. {tally([answer for _, answer in self.older])}".rstrip()


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


def tally(answers: Sequence[Answer]) -> str:
    """How often each family is first and how sure that is, and how often another is told apart from the first."""
    cards = [answer.card for answer in answers if answer.card.first]
    firsts = Counter(card.family for card in cards)
    sure = Counter(card.family for card in cards if card.state in {"sure", "family sure"})
    behind = [one for card in cards for one in card.families if one.gap]
    others = Counter(one.family for one in behind)
    apart = Counter(one.family for one in behind if one.told_apart)
    leads = [
        f"{family} {count} of {len(cards)} ({'not sure' if not sure[family] else f'{sure[family]} sure'})"
        for family, count in firsts.most_common()
    ]
    sentences = {
        "First": leads,
        "Behind for sure": [
            f"{family} {apart[family]} of {count}" for family, count in others.items() if apart[family]
        ],
        "Not told apart": [family for family in others if not apart[family]],
    }
    return " ".join(f"{words}: {', '.join(names)}." for words, names in sentences.items() if names)


def in_column(answer: Answer, column: str) -> Standing | None:
    """The family of a data set that stands in that column; of several the one that is nearest to the first."""
    return next((one for one in answer.card.families if column_of(one) == column), None)


def column_of(one: Standing) -> str:
    """The column that a family stands in."""
    return FITTED if one.is_floor else one.family if one.family in COLUMNS else OTHER
