from bench.report.markup import markdown, tex
from bench.report.ranking import differences
from bench.report.study import validated
from bench.report.summary import summarise
from bench.report.tables import difference_table, study_tables
from tests.report.synthetic import record


def test_markdown_and_tex_escape_names() -> None:
    cells = summarise([validated(record("a_b", "x|y", seed)) for seed in range(2)])
    tables = [*study_tables(cells), difference_table(differences(cells, {}))]
    assert "x\\|y" in markdown(tables)
    text = tex(tables)
    assert r"a\_b" in text
    assert r"$\pm$" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 5
    assert text.isascii()
