from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import BenchError
from bench.record.columns import COLUMNS
from bench.report.collect import collect
from bench.report.frames import summary, table
from tests.report.synthetic import record, write_run


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
        made = record("toy", "vae", 0, run_id=f"toy-vae-s0-{beta}")
        write_run(tmp_path / "s", made, model={"name": "vae", "beta": beta, "widths": widths})
    write_run(tmp_path / "s", record("toy", "cnf", 0))
    collect(tmp_path / "s")
    runs = table("s", tmp_path).set_index("variant", drop=False)
    assert sorted(runs["beta"].dropna()) == ["1.0", "2.0", "4.0"]
    assert runs[runs["model"] == "cnf"]["beta"].isna().all()


def test_commas_within_a_list_divide_nothing(tmp_path: Path) -> None:
    for widths in ([8, 8], [8, 16]):
        made = record("toy", "vae", 0, run_id=f"toy-vae-s0-{widths[1]}")
        write_run(tmp_path / "s", made, model={"name": "vae", "widths": widths})
    collect(tmp_path / "s")
    assert sorted(table("s", tmp_path)["widths"]) == ["[8, 16]", "[8, 8]"]


def test_a_row_a_model_is_summary_csv(made: Path) -> None:
    models = summary("made", made.parent)
    stored = pd.read_csv(made / "summary.csv")
    assert list(models.columns) == list(stored.columns)
    assert models["nll_nats"].to_numpy(float, na_value=np.nan) == pytest.approx(
        stored["nll_nats"].to_numpy(), nan_ok=True
    )
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
