"""Tables as Markdown for a README and as TeX for a paper."""

from collections.abc import Iterable

from bench.report.inert import markdown_cell
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


def tex(tables: Iterable[Table]) -> str:
    """summary.tex: one booktabs table each."""
    parts = ["% \\usepackage{booktabs}\n"]
    for table in tables:
        lines = [" & ".join(map(_tex, table.headings)) + r" \\", r"\midrule"]
        lines += [" & ".join(_bold_tex(field) for field in row) + r" \\" for row in table.rows]
        caption = _tex(f"{table.title}. " + " ".join(table.notes))
        body = "\n".join(lines)
        columns = "l" * len(table.headings)
        parts.append(
            f"\\begin{{table}}\n\\centering\n\\caption{{{caption}}}\n\\label{{tab:{table.name}}}\n"
            f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
        )
    return "\n".join(parts)


TEX = {
    "±": r"$\pm$", "≤": r"$\le$", "†": r"$^\dagger$", "‡": r"$^\ddagger$", "·": r"$\cdot$", "²": r"$^2$",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "▲": r"$^\triangle$",
    "§": r"$^\S$", "¶": r"$^\P$", "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    **{c: f"$^{{{d}}}$" for c, d in zip("⁻⁰¹³⁴⁵⁶⁷⁸⁹", "-013456789", strict=True)},
}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(TEX.get(character, character) for character in text)


def _bold_tex(field: TableCell) -> str:
    return f"\\textbf{{{_tex(field.text)}}}" if field.bold else _tex(field.text)
