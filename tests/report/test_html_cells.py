"""Cells as HTML: escaped, with what they are sorted by."""

import pytest

from bench.report.html_cells import cell, cells
from bench.report.tables import TableCell


@pytest.mark.parametrize(
    ("field", "html"),
    [
        (TableCell("a <b>", "a <b>"), "<td>a &lt;b&gt;</td>"),
        (TableCell("-1.5", -1.5, True), '<td class="number" data-sort="-1.5"><strong>\N{MINUS SIGN}1.5</strong></td>'),
        (TableCell("never", None), '<td data-sort="">never</td>'),
        (TableCell("", None), "<td></td>"),
        (TableCell("x", '"'), '<td data-sort="&#34;">x</td>'),
        (TableCell("0", 0), '<td class="number" data-sort="0">0</td>'),
    ],
)
def test_a_cell(field: TableCell, html: str) -> None:
    assert cell(field) == html


def test_the_first_of_a_row_names_it() -> None:
    assert cells([TableCell("a", "a"), TableCell("b", "b")]) == '<th scope="row">a</th><td>b</td>'


def test_long_text_with_a_number_to_sort_by_may_be_broken() -> None:
    assert 'class="number long"' in cell(TableCell("x" * 40, 3))
