"""Tables as Markdown for a README and as TeX for a paper."""

import re
import textwrap
from collections.abc import Iterable

from bench.report.inert import markdown_cell, slug
from bench.report.tables import Table, TableCell


def markdown(tables: Iterable[Table]) -> str:
    """summary.md."""
    parts = []
    for table in tables:
        lines = [[markdown_cell(heading) for heading in table.headings], ["---"] * len(table.headings)]
        lines += [[_markdown(cell) for cell in row] for row in table.rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        parts.append(f"## {table.title}\n\n{body}\n\n" + "\n".join(f"- {note}" for note in table.notes) + "\n")
    return "\n".join(parts)


def _markdown(cell: TableCell) -> str:
    text = cell.text if isinstance(cell.sort, (int, float)) else markdown_cell(cell.text)
    return f"**{text}**" if cell.bold else text


PAGE = 45
"""Rows of a table that a page of a paper holds."""
TEXT, HEADING, GAP = 92, 14, 2
"""Characters of a line of a page, of a line of a heading, and between columns, in small print."""
NUMBER = re.compile(r"(?:[≤≥~] )?\(?-?[\d,]+")
"""What of a number stands before its decimal point."""


def tex(tables: Iterable[Table], study: str = "") -> str:
    """summary.tex: booktabs tables, numbers aligned at their decimal points, labels unique by the study.

    A table wider than the text becomes several, each with the columns that name its rows.
    """
    parts = ["% \\usepackage{booktabs,longtable,graphicx}\n"]
    for table in tables:
        pieces = _pieces(table)
        for number, columns in enumerate(pieces, 1):
            which = f" (part {number} of {len(pieces)})" * (len(pieces) > 1)
            notes = " ".join(table.notes) if number == 1 else ""
            label = "-".join(filter(None, (slug(study), table.name, str(number) if number > 1 else "")))
            caption = _tex(f"{table.title}{which}. {notes}".rstrip())
            parts.append(_piece(table, columns, f"\\caption{{{caption}}}\n\\label{{tab:{label}}}"))
    return "\n".join(parts)


def _pieces(table: Table) -> list[list[int]]:
    """The places of the columns of each part of a table that is as wide as the text at most, where one column is."""
    names = list(range(table.headings.index("model") + 1 if "model" in table.headings else 1))
    widths = [
        max(*map(len, _lines(heading)), _width([row[place] for row in table.rows])) + GAP
        for place, heading in enumerate(table.headings)
    ]
    pieces = [names]
    for place in range(len(names), len(widths)):
        if len(pieces[-1]) > len(names) and sum(widths[n] for n in pieces[-1]) + widths[place] > TEXT:
            pieces.append(names)
        pieces[-1] = [*pieces[-1], place]
    return pieces


def _width(column: list[TableCell]) -> int:
    """Characters of a column whose numbers meet at their points."""
    ends = [match.end() if (match := NUMBER.match(cell.text)) else 0 for cell in column]
    return max(ends, default=0) + max((len(cell.text) - end for cell, end in zip(column, ends, strict=True)), default=0)


def _lines(heading: str) -> list[str]:
    return textwrap.wrap(heading, HEADING, break_long_words=False, break_on_hyphens=False) or [heading]


def _piece(table: Table, columns: list[int], title: str) -> str:
    """Some columns of a table, under one title."""
    numeric = [any(isinstance(row[n].sort, (int, float)) for row in table.rows) for n in columns]
    kinds = "".join("r@{}l" if number else "l" for number in numeric)
    heads = [_head(table.headings[n], number) for n, number in zip(columns, numeric, strict=True)]
    rows = [" & ".join(map(_cell, [row[n] for n in columns], numeric)) + r" \\" for row in table.rows]
    return (_long if len(rows) > PAGE else _short)(kinds, " & ".join(heads) + r" \\", "\n".join(rows), title)


def _head(text: str, number: bool) -> str:
    """A heading; of a long one each line is below the one before."""
    lines = r"\\".join(map(_tex, _lines(text)))
    stacked = rf"\shortstack{{{lines}}}" if r"\\" in lines else lines
    return rf"\multicolumn{{2}}{{c}}{{{stacked}}}" if number else stacked


def _short(columns: str, head: str, rows: str, title: str) -> str:
    """A table of a page at most, made smaller where it is wider than the text."""
    return (
        f"\\begin{{table}}\n\\centering\n{title}\n\\scriptsize\\setlength{{\\tabcolsep}}{{3pt}}\n"
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head}\n\\midrule\n{rows}\n\\bottomrule\n\\end{{tabular}}}}\n"
        "\\end{table}\n"
    )


def _long(columns: str, head: str, rows: str, title: str) -> str:
    """A table of several pages, its head on each."""
    return (
        "{\\scriptsize\\setlength{\\tabcolsep}{3pt}\n"
        f"\\begin{{longtable}}{{{columns}}}\n{title}\\\\\n\\toprule\n{head}\n\\midrule\n\\endfirsthead\n"
        f"\\toprule\n{head}\n\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n{rows}\n\\end{{longtable}}}}\n"
    )


SIMILAR, MINUS = "\N{TILDE OPERATOR}", "\N{MINUS SIGN}"
TEX = {
    "±": r"$\pm$", "≤": r"$\le$", "≥": r"$\ge$", "†": r"$^\dagger$", "‡": r"$^\ddagger$", "·": r"$\cdot$", "²": r"$^2$",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "<": "$<$", ">": "$>$", "|": "$|$", MINUS: "$-$", "…": r"\dots{}",
    "▲": r"$^\triangle$", "◊": r"$^\diamond$", "Φ": r"$\Phi$", "χ": r"$\chi$", SIMILAR: r"$\sim$",
    "§": r"$^\S$", "¶": r"$^\P$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    **{c: f"$^{{{d}}}$" for c, d in zip("⁻⁰¹³⁴⁵⁶⁷⁸⁹", "-013456789", strict=True)},
}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(TEX.get(character, character) for character in text)


def _cell(field: TableCell, number: bool) -> str:
    """A cell; of a column of numbers two, which meet at the decimal point."""
    if not number:
        return _bold(_tex(field.text), field.bold)
    match = NUMBER.match(field.text)
    if match is None:
        return rf"\multicolumn{{2}}{{c}}{{{_tex(field.text)}}}" if field.text else " & "
    return " & ".join(_bold(_number(part), field.bold) for part in (match[0], field.text[match.end() :]))


def _number(text: str) -> str:
    """A part of a number, its minus a minus and a space at its start kept."""
    kept = _tex(re.sub(r"(?<![\w)])-(?=\d)", MINUS, text).replace("~ ", f"{SIMILAR} "))
    return f"~{kept.lstrip()}" if kept.startswith(" ") else kept


def _bold(text: str, bold: bool) -> str:
    return rf"\textbf{{{text}}}" if bold and text else text
