from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.api.types import is_numeric_dtype

from bench.errors import BenchError
from bench.record.columns import COLUMNS
from bench.report.collect import collect
from bench.report.frames import options_of, summary, table
from bench.report.summary import LONG
from tests.report.synthetic import record, write_run

ROOT = Path(__file__).resolve().parents[2]


def test_a_row_a_run_with_types(made: Path) -> None:
    runs = table("made", made.parent)
    assert list(runs.columns)[: len(COLUMNS)] == list(COLUMNS)
    assert len(runs) == 22
    assert (runs["nll_nats"].dtype, runs["seed"].dtype, runs["nll_is_bound"].dtype) == ("Float64", "Int64", "boolean")
    assert runs.loc[runs["status"] == "failed", "nll_nats"].isna().all()
    best = runs[runs["status"] == "ok"].groupby(["data", "model"])["nll_nats"].mean()
    assert best["digits", "cnf"] < best["digits", "vae"]


def test_options_that_differ_are_columns(tmp_path: Path) -> None:
    for beta, widths in ((1.0, [8, 8]), (4.0, [8, 16]), (2.0, [8, 8])):
        said = f"bench run model=vae model.beta={beta} 'model.widths={widths}' budget.steps=100 seed=0".replace(
            "8, ", "8,"
        )
        made = record("toy", "vae", 0, run_id=f"toy-vae-s0-{beta}", command=said)
        write_run(tmp_path / "s", made, model={"name": "vae", "beta": beta, "widths": widths})
    write_run(tmp_path / "s", record("toy", "cnf", 0, command="bench run model=cnf budget.steps=100 seed=0"))
    collect(tmp_path / "s")
    runs = table("s", tmp_path).set_index("variant", drop=False)
    assert sorted(runs["model.beta"].dropna()) == [1.0, 2.0, 4.0]
    assert runs["model.beta"].dtype == "Float64"
    assert runs[runs["model"] == "cnf"]["model.beta"].isna().all()
    assert set(runs[runs["model"] == "vae"]["model.widths"]) == {"[8,8]", "[8,16]"}
    assert set(runs["budget.steps"]) == {100}
    assert runs["budget.steps"].dtype == "Int64"


@pytest.mark.parametrize(
    ("word", "option"),
    {
        "model.beta=4.0": {"model.beta": 4.0},
        "+model.flag=true": {"model.flag": True},
        "tune.setting=tuned": {"tune.setting": "tuned"},
        "train.optimiser.learning_rate=1e-3": {"train.optimiser.learning_rate": 0.001},
        "budget.steps=null": {"budget.steps": "null"},
        "seed=1": {},
        "./conf": {},
    }.items(),
)
def test_a_dotted_word_is_an_option(word: str, option: dict[str, object]) -> None:
    assert options_of(["bench", "run", word]) == option


def test_plain_pandas_reads_every_committed_table_with_sensible_types() -> None:
    """Numbers as numbers, flags as flags; no name, hash or commit as a number."""
    folders = sorted(ROOT.glob("results/*/table.csv*"))
    assert folders
    for path in folders:
        runs = pd.read_csv(path, low_memory=False)
        for name in [name for name in COLUMNS if name in runs]:
            kind, values = COLUMNS[name].kind, runs[name].dropna()
            if kind == "number":
                assert is_numeric_dtype(runs[name]), (path, name)
            elif len(values):
                wanted = bool if kind == "flag" else str
                assert set(map(type, values)) == {wanted}, (path, name, set(map(type, values)))


def test_plain_pandas_reads_a_summary_with_sensible_types(made: Path) -> None:
    rows = pd.read_csv(made / "summary.csv")
    assert list(rows.columns) == list(LONG)
    assert all(is_numeric_dtype(rows[name]) for name in ("mean", "ci95", "n", "budget"))
    assert rows["is_bound"].dtype == bool
    assert set(map(type, rows["best"].dropna())) == {bool}


def test_a_row_a_model_has_the_numbers_of_summary_csv(made: Path) -> None:
    models = summary("made", made.parent)
    stored = pd.read_csv(made / "summary.csv")
    likelihoods = stored[stored["metric"] == "nll_nats"].set_index(["data", "model"])
    wide = models.dropna(subset=["nll_nats"]).set_index(["data", "model"])
    assert list(wide.index) == list(likelihoods.index)
    for mine, theirs in {"nll_nats": "mean", "nll_nats_ci95": "ci95", "nll_nats_n": "n"}.items():
        assert wide[mine].to_numpy(float, na_value=np.nan) == pytest.approx(likelihoods[theirs].to_numpy(), nan_ok=True)
    assert (models["nll_nats"].dtype, models["n_ok"].dtype, models["best_nll"].dtype) == ("Float64", "Int64", "boolean")
    cnf = models[(models["data"] == "digits") & (models["model"] == "cnf")]
    assert (list(cnf["n_ok"]), list(cnf["nll_nats_n"])) == ([3], [3])
    assert (cnf["nll_nats_ci95"] > 0).all()


@pytest.mark.parametrize("read", [table, summary])
def test_an_unknown_study_names_the_nearest(read: Callable[..., pd.DataFrame], made: Path) -> None:
    with pytest.raises(BenchError, match="did you mean made"):
        read("mdae", made.parent)


@pytest.mark.parametrize("read", [table, summary])
def test_a_study_without_a_table_says_how_to_make_it(read: Callable[..., pd.DataFrame], tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    with pytest.raises(BenchError, match="make it with: bench report s"):
        read("s", tmp_path)
