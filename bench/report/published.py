"""Published numbers, and what here stands beside each of them."""

import csv
import math
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from scipy.special import ndtri, stdtrit

from bench.report.intervals import LEVEL

PUBLISHED = Path(__file__).with_name("published.csv")
COUNTERPARTS = Path(__file__).with_name("counterparts.yaml")

KEY = ("dataset", "protocol", "model", "metric", "source")
"""Columns of published.csv that name a row."""

HIGHER = frozenset({"elbo_nats"})
"""Columns in which larger is better; a published number of the other sense is turned round."""


@dataclass(frozen=True)
class Counterpart:
    """One published number beside one entry here.

    Attributes:
        published: its row of published.csv, as text.
        data, model: of ours; no model for what the data themselves have.
        options: words that the command of ours must have.
        column: of our record.
        differs: what tells ours from theirs, in words.
        not_comparable: why no verdict can be given; empty where one can.
    """

    published: dict[str, str]
    data: str
    model: str
    options: frozenset[str]
    column: str
    differs: str = ""
    not_comparable: str = ""

    @property
    def value(self) -> float:
        """The published number in the sense of our column: a log-likelihood as its negative."""
        value = float(self.published["value"])
        turned = (self.published["better"] == "higher") != (self.column in HIGHER)
        return -value if turned else value

    def half_width(self, runs: int) -> float | None:
        """The half-width of the published number's 95 % interval; None where no error was given.

        Of a standard deviation over N runs it is Student's. A single run of ours varies as theirs do, which its own
        error over test examples does not hold: one more such variance is added. Any other error, and one that is not
        said to be something, is taken for a standard error.

        Args:
            runs: number of ours.
        """
        error, kind = self.published["error"], self.published["error_kind"]
        if kind == "exact":
            return 0.0
        if not error:
            return None
        over = re.match(r"sd over (\d+) ", kind)
        if over:
            number = int(over[1])
            share = 1 / number + (1.0 if runs == 1 else 0.0)
            return float(stdtrit(number - 1, (1 + LEVEL) / 2)) * float(error) * math.sqrt(share)
        standard_errors = 2 if kind.startswith("2 standard errors") else 1
        return float(ndtri((1 + LEVEL) / 2)) * float(error) / standard_errors


def published_rows() -> list[dict[str, str]]:
    """The rows of published.csv, as text."""
    with open(PUBLISHED, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def counterparts() -> list[Counterpart]:
    """All that counterparts.yaml names, in the order of published.csv.

    Raises:
        ValueError: it names a row that published.csv does not have.
    """
    rows = published_rows()
    keys = [tuple(row[name] for name in KEY) for row in rows]
    found = []
    for group in yaml.safe_load(COUNTERPARTS.read_text(encoding="utf-8")):
        for dataset, model, metric in product(group["data"], group["entries"], group["columns"]):
            place = keys.index((dataset, group["protocol"], str(model), metric, group["source"]))
            found += [(place, each) for each in of_group(group, rows[place])]
    return [counterpart for _, counterpart in sorted(found, key=lambda pair: pair[0])]


def of_group(group: dict[str, Any], row: dict[str, str]) -> list[Counterpart]:
    """The counterparts of one row of a group of counterparts.yaml, one for each entry."""
    own = group["entries"][row["model"]]
    words = [own.get("differs", ""), group.get("differs", "")]
    return [
        Counterpart(
            published=row,
            data=group["data"][row["dataset"]],
            model=entry,
            options=frozenset(own.get("options", [])),
            column=group["columns"][row["metric"]],
            differs="; ".join(filter(None, words)),
            not_comparable=group.get("not_comparable", ""),
        )
        for entry in own.get("entry", [""])
    ]
