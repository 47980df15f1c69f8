"""`bench report STUDY --models --data --columns`: a table of what was chosen, beside the study's own."""

from pathlib import Path

import pandas as pd
import pytest

from bench.cli import main


def call(made: Path, *words: str) -> int:
    return main(["report", "made", *words, "--results-dir", str(made.parent)])


def test_rows_and_columns_are_those_that_were_chosen(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in made.iterdir() if path.is_file() and "selection" not in path.name}
    assert call(made, "--models", "vae,cnf", "--data", "digits", "--columns", "nll_nats,steps") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["data", "model", "seeds", "NLL,", "nats", "steps"]
    assert [line.split()[1] for line in out[1:3]] == ["cnf", "vae"]
    assert out[3] == ""
    rows = pd.read_csv(made / "selection.csv")
    assert set(rows["model"]) == {"vae", "cnf"}
    assert set(rows["data"]) == {"digits"}
    assert set(rows["metric"]) == {"runs_ok", "nll_nats", "steps"}
    whole = pd.read_csv(made / "summary.csv")
    both = rows.merge(whole, on=["data", "model", "metric"], suffixes=("", "_whole"))
    assert len(both) == len(rows)
    assert (both["mean"] == both["mean_whole"]).all()
    assert both["best"].equals(both["best_whole"].rename("best")), "told apart among all models of the study"
    assert "tab:made-selection" in (made / "selection.tex").read_text()
    assert (made / "selection.md").read_text().count("| digits |") == 2
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize(
    ("words", "nearest"),
    {
        ("--models", "vea"): "unknown model 'vea' in made; did you mean vae",
        ("--data", "digit"): "unknown data set 'digit' in made; did you mean digits",
        ("--columns", "nll_nat"): "unknown column 'nll_nat' in bench list metrics; did you mean nll_nats",
    }.items(),
)
def test_an_unknown_name_is_one_line_with_the_nearest(
    made: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str], nearest: str
) -> None:
    assert call(made, *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert nearest in err


def test_without_a_study_there_is_nothing_to_choose_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--models", "vae"]) == 2
    assert "bench report STUDY" in capsys.readouterr().err
