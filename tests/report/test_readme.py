"""`bench report --readme` writes the numbers that a study's CSV files have, and nothing else."""

import re
from pathlib import Path

import pandas as pd
import pytest

from bench.errors import BenchError
from bench.record.reading import as_it_lies
from bench.record.steps import StepTime
from bench.report.readme import MARK, fill, fill_readmes, values_of
from bench.report.readme_values import Quantity, StudyValues

ROOT = Path(__file__).resolve().parents[2]

SUMMARY = """\
data,rung,setting,model,nll_is_bound,shared_machine,best_nll,nll_slack_nats,nll_nats,nll_nats_ci95,steps,steps_ci95,step_milliseconds,step_milliseconds_ci95
digits,0.25,tuned,vae,True,False,False,0.5,112.34,2.345,80,0,2.5,
digits,1,default,vae,True,False,False,0.5,111.34,2.345,320,0,2.5,
digits,1,tuned,vae,True,True,False,0.5,110.84,9.04,320,0,2.512,0.25
digits,1,tuned,flow,False,False,True,0,94.2345,1.51,320,0,3.25,0.5
digits,,,gaussian,False,False,False,0,101.42,1.25,0,0,,
"""
DIFFERENCES = "data,rung,setting,best,model,difference_nats,ci95\ndigits,1,tuned,flow,vae,16.6,9.2\n"
TABLE_CSV = """\
data,model,variant,seed,nll_nats,accuracy,warning
digits,vae,,0,111.0,0.9,
digits,vae,,1,110.0,0.8,
digits,flow,,1,94.0,,
digits,flow,,0,94.5,,
"""


LONG = """\
data,model,setting,budget,metric,unit,mean,ci95,n,is_bound,best,marks
digits,vae,tuned,0.25,nll_nats,nats,112.34,2.345,3,True,False,§
digits,vae,default,1,nll_nats,nats,111.34,2.345,3,True,False,§ ▲
digits,vae,tuned,1,nll_nats,nats,110.84,9.04,3,True,False,§ ▲
digits,vae,tuned,1,step_milliseconds,ms,2.512,0.25,3,False,False,†
digits,vae,tuned,1,steps,steps,320,0,3,False,False,
digits,flow,tuned,1,nll_nats,nats,94.2345,1.51,3,False,True,
digits,flow,tuned,1,steps,steps,320,0,3,False,False,
digits,gaussian,,,nll_nats,nats,101.42,1.25,3,False,False,
digits,gaussian,,,steps,steps,0,0,3,False,False,
"""


@pytest.fixture(params=[LONG, SUMMARY], ids=["long", "older"])
def results(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / "results" / "small"
    folder.mkdir(parents=True)
    (folder / "summary.csv").write_text(request.param)
    (folder / "differences.csv").write_text(DIFFERENCES)
    (folder / "table.csv").write_text(TABLE_CSV)
    return tmp_path / "results"


@pytest.mark.parametrize(
    ("address", "number"),
    {
        "digits @ vae @ nll_nats": "≤ 110.8 ± 9.0 §",
        "digits @ vae [1/4] @ nll_nats": "≤ 112.3 ± 2.3 §",
        "digits @ vae [1, default] @ nll_nats": "≤ 111.3 ± 2.3 §",
        "digits @ vae @ step_milliseconds": "2.51 ± 0.25 †",
        "digits @ flow @ nll_nats": "**94.2 ± 1.5**",
        "digits @ flow @ steps": "320",
        "digits @ vae - flow @ difference": "16.6 ± 9.2",
        "digits @ flow - vae @ difference": "-16.6 ± 9.2",
        "digits @ vae - flow @ nll_nats": "16.2 ± 3.2",
        "mean @ flow @ nll_nats": "94.23",
    }.items(),
)  # fmt: skip
def test_a_marked_number_is_that_of_its_address(results: Path, address: str, number: str) -> None:
    """By hand: mean, digits of the interval, marks; of paired seeds t(0.975, 1) · 0.25 = 3.18."""
    text = f"It is ?<!-- {address} -->, no more."
    assert fill(text, values_of(results), "small") == (f"It is {number}<!-- {address} -->, no more.", 1)
    assert fill(f"At 7,000.5\n± 2 †<!-- small: {address} -->", values_of(results))[0] == (
        f"At {number}<!-- small: {address} -->"
    )


def test_a_table_keeps_its_words_and_takes_its_numbers(results: Path) -> None:
    text = """\
<!-- table: data | model | nll_nats | . @ vae @ steps | text -->
| data | model | NLL | steps | remark |
| --- | --- | ---: | --- | --- |
| digits | `flow` | 1 | 2 | 3 |
|  | `gaussian` |  |  | |
"""
    filled, changed = fill(text, values_of(results), "small")
    assert filled.splitlines()[3:] == [
        "| digits | `flow` | **94.2 ± 1.5** | 320 | 3 |",
        "|  | `gaussian` | 101.4 ± 1.2 | 320 |  |",
    ]
    assert changed == 4


@pytest.mark.parametrize(
    ("text", "fault"),
    {
        "1<!-- digits @ vea @ nll_nats -->": "no row of digits, vea",
        "1<!-- digits @ vae [1/7, tuned] @ nll_nats -->": r"no row of digits, vae \[1/7, tuned\]",
        "1<!-- digits @ vae @ nll_nat -->": "did you mean nll_nats",
        "1<!-- smal: digits @ vae @ nll_nats -->": "did you mean small",
        "one<!-- digits @ vae @ nll_nats -->": "no number stands before",
        "1<!-- digits @ gaussian @ step_milliseconds -->": "has no digits @ gaussian",
        "1<!-- digits @ vae - gaussian @ difference -->": "no difference of vae and gaussian",
    }.items(),
)
def test_what_a_study_does_not_have_is_refused_by_name(results: Path, text: str, fault: str) -> None:
    with pytest.raises(BenchError, match=fault):
        fill(text, values_of(results), "small")


def test_the_command_writes_every_readme_and_of_one_study_alone(results: Path) -> None:
    front, own = results.parent / "README.md", results / "small" / "README.md"
    front.write_text("1<!-- small: digits @ flow @ steps --> and 2<!-- other: digits @ flow @ steps -->")
    own.write_text("1<!-- digits @ flow @ steps -->")
    with pytest.raises(BenchError, match=r"README\.md: unknown study 'other'"):
        fill_readmes(results)
    assert own.read_text().startswith("320"), "a README without a fault is written"
    (results / "other").mkdir()
    (results / "other" / "summary.csv").write_text(SUMMARY)
    assert fill_readmes(results, "small") == [f"{front}: 1 number written anew"]
    assert front.read_text().startswith("320<!-- small: digits @ flow @ steps --> and 2<!--")
    assert fill_readmes(results, "small") == ["every marked number is that of its study"]


def test_committed_readmes_come_back_from_question_marks() -> None:
    """No number of a README is the author's: each is blanked and comes back as it was."""
    values = values_of(ROOT / "results")
    text = (ROOT / "results" / "quick" / "README.md").read_text()
    marks = "(?: [†◊§¶])*"
    blank = re.sub(rf"(?:≤ )?[-\d.,*]+(?: ± [\d.,*]+)?{marks}(?=<!--)", "?", text)
    blank = re.sub(rf"\S+ ± [\d.,*]+{marks}(?= \|)", "", blank)
    assert blank.count("?<!--") == len(MARK.findall(text)) > 3
    assert text.count(" ± ") > 50
    assert " ± " not in blank
    assert fill(blank, values, "quick")[0] == text


def test_a_number_is_written_with_its_marks() -> None:
    assert str(Quantity(0.1498, 0.0349, bound=True)) == "≤ 0.150 ± 0.035"
    assert str(Quantity(1234.56, 1.23, best=True, marks="† §")) == "**1,234.6 ± 1.2 † §**"
    assert str(Quantity(7.946e-16, 5.42e-17)) == "(7.95 ± 0.54)·10⁻¹⁶"


def test_a_step_timed_alone_is_the_mean_over_runs_at_their_evaluations(tmp_path: Path) -> None:
    columns = ",".join(StepTime._fields)
    rows = "".join(f"{run},digits,flow,8,{ms},1,9,{nfe},100,cpu,1,False,2026,abc\n" for run, ms, nfe in STEPS)
    (tmp_path / "steps.csv").write_text(f"{columns}\n{rows}")
    runs = "".join(f"{run},digits,flow,,{rung},tuned,{nfe},{status},x\n" for run, rung, nfe, status in RUNS)
    (tmp_path / "table.csv").write_text(f"run_id,data,model,variant,rung,setting,train_nfe,status,nll_nats\n{runs}")
    values = StudyValues(tmp_path)
    # Of the two runs at the whole budget one took half of the evaluations that were timed: 10 and 30 ms.
    assert values.at("digits", "flow", "milliseconds_alone") == Quantity(20.0)
    assert values.at("digits", "flow [1/4]", "milliseconds_alone") == Quantity(40.0)
    with pytest.raises(BenchError, match="has no step alone of digits, vae"):
        values.at("digits", "vae", "milliseconds_alone")


STEPS = [("a", 20, 8), ("b", 30, 8), ("c", 40, 8)]
RUNS = [("a", 1, 4, "ok"), ("b", 1, 8, "ok"), ("d", 1, 8, "diverged"), ("c", 0.25, 8, "ok")]


def test_two_columns_of_a_model_are_paired_by_seed() -> None:
    """Seeds are test folds here: the interval is wider by what overlapping training sets share."""
    runs = pd.read_csv(as_it_lies(ROOT / "results" / "latent" / "table.csv"), low_memory=False)
    runs = runs[(runs["model"] == "m2") & (runs["rung"] == 1) & (runs["setting"] == "tuned")]
    assert len(runs) == 5
    gains = runs["accuracy"] - runs["accuracy_supervised"]
    gain = values_of(ROOT / "results")["latent"].at("digits", "m2", "accuracy - accuracy_supervised")
    assert gain is not None
    assert gain.mean == pytest.approx(gains.mean())
    ratio = (runs["nll_examples"] / runs["train_examples"]).max()
    assert 0.3 < ratio < 0.35
    assert gain.half_width == pytest.approx(2.776445 * gains.std() * (1 / 5 + ratio) ** 0.5, rel=1e-6)


def test_tuned_and_as_it_comes_are_paired_where_some_folds_chose_what_it_comes_with(tmp_path: Path) -> None:
    rows = [("default", 0, 4.0), ("default=tuned", 1, 5.0), ("tuned", 0, 3.0), ("default", 2, 7.0), ("tuned", 2, 5.0)]
    table = "".join(f"{setting}{seed},digits,flow,,1,{setting},{seed},ok,{nll}\n" for setting, seed, nll in rows)
    (tmp_path / "table.csv").write_text(f"run_id,data,model,variant,rung,setting,seed,status,nll_nats\n{table}")
    gain = StudyValues(tmp_path).at("digits", "flow [1, default] - flow", "nll_nats")
    assert gain is not None
    assert gain.mean == 1.0  # of 1, 0 and 2
    assert gain.half_width == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
