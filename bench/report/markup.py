"""Tables as Markdown for a README and as TeX for a paper."""

import re
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
NUMBER = re.compile(r"(?:[≤≥~] )?\(?-?[\d,]+")
"""What of a number stands before its decimal point."""


def tex(tables: Iterable[Table], study: str = "") -> str:
    """summary.tex: one booktabs table each, numbers aligned at their decimal points, labels unique by the study."""
    parts = ["% \\usepackage{booktabs,longtable,graphicx}\n"]
    for table in tables:
        numeric = [any(isinstance(row[n].sort, (int, float)) for row in table.rows) for n in range(len(table.headings))]
        columns = "".join("r@{}l" if number else "l" for number in numeric)
        heads = zip(table.headings, numeric, strict=True)
        head = " & ".join(
            rf"\multicolumn{{2}}{{c}}{{{_tex(text)}}}" if number else _tex(text) for text, number in heads
        )
        head += r" \\"
        rows = [" & ".join(map(_cell, row, numeric)) + r" \\" for row in table.rows]
        caption = _tex(f"{table.title}. " + " ".join(table.notes))
        title = f"\\caption{{{caption}}}\n\\label{{tab:{'-'.join(filter(None, (slug(study), table.name)))}}}"
        parts.append((_long if len(rows) > PAGE else _short)(columns, head, "\n".join(rows), title))
    return "\n".join(parts)


def _short(columns: str, head: str, rows: str, title: str) -> str:
    """A table of a page at most, made smaller where it is wider than the text."""
    return (
        f"\\begin{{table}}\n\\centering\n{title}\n"
        "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n"
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head}\n\\midrule\n{rows}\n\\bottomrule\n\\end{{tabular}}}}\n"
        "\\end{table}\n"
    )


def _long(columns: str, head: str, rows: str, title: str) -> str:
    """A table of several pages, its head on each."""
    return (
        "{\\footnotesize\\setlength{\\tabcolsep}{3pt}\n"
        f"\\begin{{longtable}}{{{columns}}}\n{title}\\\\\n\\toprule\n{head}\n\\midrule\n\\endfirsthead\n"
        f"\\toprule\n{head}\n\\midrule\n\\endhead\n\\bottomrule\n\\endfoot\n{rows}\n\\end{{longtable}}}}\n"
    )


SIMILAR, MINUS = "\N{TILDE OPERATOR}", "\N{MINUS SIGN}"
TEX = {
    "±": r"$\pm$", "≤": r"$\le$", "≥": r"$\ge$", "†": r"$^\dagger$", "‡": r"$^\ddagger$", "·": r"$\cdot$", "²": r"$^2$",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "<": "$<$", ">": "$>$", "|": "$|$", MINUS: "$-$", "…": r"\dots{}",
    "▲": r"$^\triangle$", "Φ": r"$\Phi$", "χ": r"$\chi$", SIMILAR: r"$\sim$",
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
