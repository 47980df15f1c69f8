"""`bench report --readme`: the numbers of the READMEs, written between markers from the studies' CSV files.

In prose a number is followed by its address, `96.1<!-- digits @ realnvp @ nll_nats -->`; a new one begins as `?`. A
table stands under a line with one address a column, `<!-- table: data | model | nll_nats | digits @ . @ steps -->`; a
dot is taken from the row, as in `digits @ . [1/4, tuned] @ nll_nats`; a column `text` is left as it is. Outside a
study's folder an address names the study first:
`<!-- quick: digits @ realnvp @ nll_nats -->`, `<!-- quick table: ... -->`. See `bench.report.readme_values`.
Under `<!-- bench reproduce -->` stands what that command prints of the studies that have a README.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from bench.errors import BenchError, unknown
from bench.record.store import studies_in
from bench.record.writing import write_atomically
from bench.report.readme_values import Quantity, StudyValues
from bench.report.reproduce import README, reproduce_all

NUMBER = r"-?[\d,]+(?:\.\d+)?"
WRITTEN = re.compile(
    rf"(?:(?P<bold>\*\*)?(?:≤\s)?(?:\({NUMBER}(?:\s±\s{NUMBER})?\)|{NUMBER})(?:·10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|e-?\d+)?"
    rf"(?:\s±\s{NUMBER}(?:e-?\d+)?)?(?:\s[†‡◊§¶])*(?(bold)\*\*)|\?)\Z"
)
"""A number as it stands before its address."""

MARK = re.compile(r"<!-- (?:(\w+): )?(?!table)([^|>]+? @ [^|>]+? @ \w+(?: - \w+)?) -->(?!`)")
"""An address; not one in a code span, which explains them."""

TABLE = re.compile(r"(<!-- (?:(\w+) )?table: (.+) -->\n)(\|.*\n)(\|[-| :]+\|\n)((?:\|.*\n)+)")
REPRODUCED = re.compile(r"(<!-- bench reproduce -->\n+```text\n)(.*?)(```\n)", re.DOTALL)
"""What `bench reproduce` prints, between its marker and the end of a block."""

NAMES = frozenset({"data", "model", "text"})
"""Columns of a marked table that are words."""


def fill_readmes(results_dir: Path, study: str | None = None) -> list[str]:
    """Writes the marked numbers of all READMEs anew; with a study those alone that are of it.

    Returns:
        A line for each README: how many of its numbers changed.

    Raises:
        BenchError: a marker names what its study does not have; the README is left as it is, the others are written.
    """
    values = values_of(results_dir)
    if study is not None and study not in values:
        raise unknown("study", study, values, str(results_dir))
    lines, errors = [], []
    for path in readmes(results_dir):
        text = path.read_text(encoding="utf-8")
        own = path.parent.name if path.parent.parent == results_dir else ""
        try:
            filled, changed = fill(text, values, own, study)
            filled, printed = reproduced(filled, results_dir)
            changed += printed
        except BenchError as error:
            errors.append(f"{path}: {error}")
            continue
        if changed:
            write_atomically(path, filled)
            lines.append(f"{path}: {changed} number{'s' * (changed != 1)} written anew")
    if errors:
        raise BenchError("; ".join(errors))
    return lines or ["every marked number is that of its study"]


def reproduced(text: str, results_dir: Path) -> tuple[str, int]:
    """A README with what `bench reproduce` prints under that marker, and how many lines of it changed.

    Raises:
        BenchError: no study has a table.
    """
    block = REPRODUCED.search(text)
    if block is None:
        return text, 0
    lines = [f"{line.rstrip()}\n" for line in reproduce_all(results_dir, described=True)]
    before = block[2].splitlines(keepends=True)
    if before == lines:
        return text, 0
    changed = max(1, len(set(lines) - set(before)))
    return "".join((text[: block.start(2)], *lines, text[block.end(2) :])), changed


def readmes(results_dir: Path) -> list[Path]:
    """Every README that may hold numbers of these studies: theirs, the front page and those of the package."""
    root = results_dir.resolve().parent
    front = [root / README, *sorted(root.glob(f"bench/**/{README}"))]
    return [path for path in (*front, *sorted(results_dir.glob(f"**/{README}"))) if path.is_file()]


def values_of(results_dir: Path) -> dict[str, StudyValues]:
    """Study -> its numbers, of those that have a summary; each is read when it is needed."""
    folders = studies_in(results_dir, "summary.csv")
    return {folder.name: StudyValues(folder) for folder in folders}


def fill(text: str, values: Mapping[str, StudyValues], own: str = "", only: str | None = None) -> tuple[str, int]:
    """A README with its marked numbers as the studies have them, and how many of them changed.

    Args:
        text: of the README.
        values: study -> its numbers.
        own: the study of markers that name none.
        only: the study whose numbers are written; None writes all.

    Raises:
        BenchError: a marker names what its study does not have.
    """
    changed = 0

    def named(word: str | None) -> StudyValues | None:
        """The study of a marker; None where it is not one of those to be written."""
        study = word or own
        if study not in values:
            raise unknown("study", study, values, "a marker")
        return values[study] if only in {None, study} else None

    def in_table(match: re.Match[str]) -> str:
        nonlocal changed
        study = named(match[2])
        if study is None:
            return match[0]
        body, count = _body(match[6], _cells(match[3]), study)
        changed += count
        return "".join((match[1], match[4], match[5], body))

    text = TABLE.sub(in_table, text)
    pieces, end = [], 0
    for match in MARK.finditer(text):
        before = text[end : match.start()]
        study = named(match[1])
        if study is not None:
            written = WRITTEN.search(before)
            if written is None:
                raise BenchError(f"no number stands before {match[0]}; write ? for one that is to come")
            quantity = study.at(*match[2].split(" @ "))
            if quantity is None:
                raise BenchError(f"{study.folder} has no {match[2]}")
            if " ".join(written[0].split()) != str(quantity):
                before = before[: written.start()] + str(quantity)
                changed += 1
        pieces += [before, match[0]]
        end = match.end()
    return "".join([*pieces, text[end:]]), changed


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _body(body: str, columns: list[str], values: StudyValues) -> tuple[str, int]:
    """The rows of a table with their numbers, and how many changed."""
    rows, changed, data = [], 0, values.first_data()
    for line in body.splitlines():
        cells = _cells(line)
        if len(cells) != len(columns):
            raise BenchError(f"a row has {len(cells)} cells, its table's marker {len(columns)}: {line}")
        row = dict(zip(columns, cells, strict=True))
        data = row.get("data", "").strip("`") or data
        model = row.get("model", "").strip("`")
        new = [_cell(column, row[column], data, model, values) for column in columns]
        changed += sum(one != other for one, other in zip(new, cells, strict=True))
        rows.append(f"| {' | '.join(new)} |\n" if new != cells else line + "\n")
    return "".join(rows), changed


def _cell(column: str, text: str, data: str, model: str, values: StudyValues) -> str:
    """A cell of a marked table: words as they stand, a number as the study has it."""
    if column in NAMES:
        return text
    where, who, metric = column.split(" @ ") if "@" in column else (".", ".", column)
    name = f"{model}{who[1:]}" if who.startswith(".") else who
    quantity: Quantity | None = values.at(data if where == "." else where, name, metric)
    return "" if quantity is None else str(quantity)
