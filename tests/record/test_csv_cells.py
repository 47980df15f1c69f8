import pytest

from bench.record.csv_cells import inert_cell, original


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "''@x", "- a"]
)
def test_a_formula_gets_an_apostrophe_and_loses_it_again(text: str) -> None:
    assert inert_cell(text) == f"'{text}"
    assert original(inert_cell(text)) == text


@pytest.mark.parametrize("text", ["", "-3.5", "+1e5", "-inf", "vae", "a=b", "'tis", "'", "''", "[-1, 2]"])
def test_numbers_and_ordinary_texts_stay_as_they_are(text: str) -> None:
    assert inert_cell(text) == original(text) == text
