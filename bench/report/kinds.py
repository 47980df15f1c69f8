"""The answers of all studies by kind of data: which family is first there, how sure, and how far the others are."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from bench.report.cards import Card
from bench.report.families import Standing, in_seconds
from bench.report.overview import DENSITIES, DIGITS, MNIST, TABLES, Answer, Overview

ALWAYS = (DIGITS, MNIST, DENSITIES, TABLES)
"""Kinds that the index has a place for, also where no study has such data."""
OTHER, FITTED = "other trained", "fitted reference"
COLUMNS = ("VAE", "flow", "ODE flow", OTHER, FITTED)
"""Of the table of answers: the families that the question is about, then the best of the rest."""

SURE = frozenset({"sure", "family sure"})

Found = tuple[Overview, Answer]


class Short(NamedTuple):
    """An answer in a line.

    Attributes:
        state: how sure it is: `sure`, `family sure`, `undecided`.
        text: which family to take by likelihood, and at which cost.
    """

    state: str
    text: str


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
    def short(self) -> Short | None:
        """The answer in a line; None where families were not compared on such data."""
        cards = [answer.card for answer in once(self.current) if len(answer.card.families) > 1]
        return None if not cards else of_one(cards[0]) if len(cards) == 1 else of_several(cards)

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


def of_one(card: Card) -> Short:
    """The answer of a kind with one data set."""
    ahead = card.next_family or (card.next if card.next and card.next.family != card.family else None)
    margin = f", {ahead.nats} nats before the next family ({ahead.family}, {ahead.model})" if ahead else ""
    cost = f"; {card.cost.training} of training" if card.cost.training else ""
    samples = card.samples
    nearest = f" Nearest samples: {samples.model}." if samples and samples.model != card.first else ""
    return Short(card.state, f"{card.family} ({card.first}){margin}{cost}.{nearest}")


def of_several(cards: Sequence[Card]) -> Short:
    """The answer of a kind with several data sets: which family has the lowest mean on how many."""
    firsts: dict[str, list[Card]] = defaultdict(list)
    for card in cards:
        firsts[card.family].append(card)
    names = []
    for family, own in sorted(firsts.items(), key=lambda item: -len(item[1])):
        sure = sum(card.state in SURE for card in own)
        words = [f"sure on {sure}"] * bool(sure) + [f"{spread} of training" for spread in [seconds(own)] if spread]
        names.append(
            f"{FITTED if own[0].is_floor else family} on {len(own)}" + (f" ({'; '.join(words)})" if words else "")
        )
    led = any(2 * sum(card.state in SURE for card in own) > len(cards) for own in firsts.values())
    return Short("sure" if led else "undecided", f"lowest mean, of {len(cards)} data sets: {', '.join(names)}.")


def seconds(cards: Sequence[Card]) -> str:
    """The shortest and the longest training of those that are first; empty where none was measured."""
    found = sorted(card.cost.seconds for card in cards if card.cost.seconds is not None)
    if not found:
        return ""
    ends = [in_seconds(one).removesuffix(" s") for one in (found[0], found[-1])]
    return f"{ends[0] if ends[0] == ends[1] else f'{ends[0]} to {ends[1]}'} s"


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
    sure = Counter(card.family for card in cards if card.state in SURE)
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
        "Take, by likelihood": [f"{family}, first for sure on {sure[family]} of {total}" for family in led],
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
