"""Numbers in the README of `quick` that stand unmarked: counts of trials, and what one rate loses at other budgets."""

import re

import pandas as pd
import pytest

from bench.report.comparison import comparison
from bench.report.folds import Folds
from tests.helpers import ROOT

QUICK = ROOT / "results" / "quick"
TEXT = " ".join((QUICK / "README.md").read_text().split())
TRIALS = pd.read_csv(QUICK / "tuning.csv")
SEARCHED = pd.read_csv(QUICK / "searched.csv")
BEHIND = pd.read_csv(QUICK / "searched_differences.csv").set_index(["comparison", "model"])
REDRAWN = pd.read_csv(QUICK / "redrawn.csv")
REDRAWN_DIFFERENCES = pd.read_csv(QUICK / "redrawn_differences.csv")
OUTSIDE = pd.read_csv(QUICK / "outside.csv")
TABLE = pd.read_csv(QUICK / "table.csv", low_memory=False)
TABLE = TABLE[TABLE["data"] == "digits"]


def lost(model: str, rung: float) -> list[float]:
    """Nats of validation that the rate chosen at half of the budget loses at another rung, of each fold of digits."""
    own = TRIALS[(TRIALS["data"] == "digits") & (TRIALS["model"] == model)]
    losses = []
    for _, fold in own.groupby("fold"):
        (chosen,) = fold[fold["mark"] == "chosen"].to_dict("records")
        value = fold["value"].isna() if pd.isna(chosen["value"]) else fold["value"] == chosen["value"]
        there = fold[(fold["rung"] == rung) & value].set_index("learning_rate")["validation"]
        losses.append(there[chosen["learning_rate"]] - there.min())
    return losses


@pytest.mark.parametrize(
    ("model", "rung", "most"),
    [
        ("realnvp", 0.25, "0.72"),
        ("realnvp", 1.0, "0.29"),
        ("cnf_fast", 1.0, "0.35"),
        ("vae", 0.25, "4.6"),
        ("vae", 1.0, "6.4"),
    ],
)
def test_what_one_rate_loses(model: str, rung: float, most: str) -> None:
    assert f"{max(lost(model, rung)):.{len(most) - 2}f}" == most
    assert re.search(rf"\b{re.escape(most)}\b", TEXT)


def test_the_rate_of_cnf_serves_all_budgets() -> None:
    assert "For `cnf` it does." in TEXT
    assert lost("cnf", 0.25) == lost("cnf", 1.0) == [0, 0, 0]


def test_the_longer_search_is_as_long_as_it_says() -> None:
    trials = SEARCHED[SEARCHED["setting"] == "trial"].groupby(["data", "model"]).size()
    assert trials.to_dict() == {("digits", "cnf_fast"): 3 * 11, ("checkerboard", "realnvp"): 8}
    assert "eleven more settings on each fold" in TEXT
    assert "eight more settings" in TEXT
    assert not SEARCHED["git_commit"].str.endswith("+").any()


def on_digits(model: str, search: dict[int, float] | None = None) -> dict[str, float]:
    """Fold -> mean log-likelihood of a model at 192 steps; of searched runs those of a rate, on folds that it names."""
    fitted = model in {"gmm", "gaussian"}
    rows = TABLE[(TABLE["model"] == model) & (fitted | (TABLE["rung"] == 1) & TABLE["setting"].str.contains("tuned"))]
    values = {str(int(row["fold"])): -row["nll_nats"] for row in rows.to_dict("records")}
    ended = SEARCHED[(SEARCHED["setting"] != "trial") & (SEARCHED["model"] == model) & (SEARCHED["data"] == "digits")]
    for fold, rate in (search or {}).items():
        (row,) = ended[(ended["fold"] == fold) & (ended["learning_rate"] == rate)].to_dict("records")
        values[str(fold)] = -row["nll_nats"]
    return values


def test_the_longer_search_on_digits_is_compared_as_the_report_compares() -> None:
    ratio = float((TABLE["nll_examples"] / TABLE["train_examples"]).max())
    slack = dict.fromkeys(("realnvp", "cnf_fast", "cnf", "gmm", "gaussian"), 0.0)
    slack["vae"] = float(TABLE.loc[TABLE["model"] == "vae", "nll_slack_nats"].max())
    fast, own = {0: 0.126, 1: 0.126, 2: 0.126}, {0: 0.05, 1: 0.05, 2: 0.05}
    for name, searches in {
        "as committed": {},
        "cnf_fast searched for alone": {"cnf_fast": fast},
        "cnf_fast searched for alone, by fold": {"cnf_fast": fast | {0: 0.08}},
        "cnf_fast and realnvp searched for": {"cnf_fast": fast, "realnvp": own},
    }.items():
        values = {model: on_digits(model, searches.get(model)) for model in slack}
        found = comparison(Folds(values, ratio), slack)
        listed = BEHIND.loc[name]
        assert found.best == "realnvp"
        assert {model: model in found.worse for model in found.differences} == listed["told_apart"].to_dict()
        for model, difference in found.differences.items():
            assert difference.mean == pytest.approx(listed.loc[model, "difference_nats"])
            assert difference.half_width == pytest.approx(listed.loc[model, "ci95"], rel=1e-3)


def told_apart(redrawing: str) -> set[tuple[str, str]]:
    """Data set and model of the pairs that are told apart from the best."""
    rows = REDRAWN_DIFFERENCES[REDRAWN_DIFFERENCES["redrawing"] == redrawing]
    return set(rows.loc[rows["told_apart"], ["data", "model"]].itertuples(index=False, name=None))


def test_no_conclusion_turns_on_data_drawn_again() -> None:
    committed = pd.read_csv(QUICK / "differences.csv")
    committed = committed[(committed["rung"] == 1) & (committed["setting"] == "tuned")].set_index(["data", "model"])
    sure = [("8gaussians", "gaussian"), ("checkerboard", "gaussian"), ("checkerboard", "vae")]
    one, other = (told_apart(f"fresh sets, data.seed={seed}") for seed in (1, 2))
    assert one == {*sure, ("8gaussians", "realnvp")}
    assert other == set(sure)
    assert committed.loc[sorted(one), "told_apart"].all()
    for row in REDRAWN_DIFFERENCES.to_dict("records"):
        assert row["best"] == committed.loc[(row["data"], row["model"]), "best"]
        assert row["difference_nats"] > 0
    second = REDRAWN_DIFFERENCES[REDRAWN_DIFFERENCES["redrawing"].str.endswith("2")].set_index(["data", "model"])
    behind = second.loc[("8gaussians", "realnvp")]
    assert behind["difference_nats"] > behind["ci95"]
    assert "once; the other time its interval holds no 0" in TEXT


def test_differences_of_fresh_draws_are_those_of_their_rows() -> None:
    means = REDRAWN.groupby(["redrawing", "data", "model"])["nll_nats"].mean()
    for row in REDRAWN_DIFFERENCES.to_dict("records"):
        own, best = (means[row["redrawing"], row["data"], row[name]] for name in ("model", "best"))
        assert own - best == pytest.approx(row["difference_nats"])


def test_no_conclusion_turns_on_another_estimator() -> None:
    other = REDRAWN[REDRAWN["redrawing"] == "another estimator"].set_index(["data", "model", "seed"])["nll_nats"]
    table = pd.read_csv(QUICK / "table.csv", low_memory=False)
    tuned = table[(table["rung"] == 1) & table["setting"].str.contains("tuned")]
    before = tuned.set_index(["data", "model", "seed"])["nll_nats"]
    moved = (other - before.loc[other.index]).groupby(["data", "model"]).mean()
    solved = moved[[name for name in moved.index if name[1] != "vae"]]
    assert f"{solved.abs().max():.4f}" == "0.0017"
    annealed = other.xs("vae", level="model").groupby("data").mean()
    shown = {"8gaussians": "3.87", "checkerboard": "4.49", "digits": "111.0"}
    assert {name: f"{annealed[name]:.{len(text) - text.index('.') - 1}f}" for name, text in shown.items()} == shown
    assert "3.87 on eight Gaussians, 4.49 on checkerboard, 111.0 on digits" in TEXT
    behind = other.xs("vae", level="model") - before.xs("realnvp", level="model")
    assert (behind.dropna() > 0.3).all()
    assert (behind.loc["digits"].dropna() > 13).all()
    assert len(behind.dropna()) == 9


@pytest.mark.parametrize(
    ("model", "likelihood", "typicality"),
    re.findall(r"- `(\w+)`: (\S+ to \S+) by likelihood, (\S+ to \S+) by typicality", TEXT),
)
def test_areas_of_outside_pictures_are_those_of_their_rows(model: str, likelihood: str, typicality: str) -> None:
    rows = OUTSIDE[OUTSIDE["model"] == model]
    assert (rows.loc[rows["outside"] == "digits_permuted", "outside_auroc"].round(2) == 1).all()
    other = rows[rows["outside"] == "mnist_8x8"]
    for column, shown in {"outside_auroc": likelihood, "outside_auroc_typicality": typicality}.items():
        assert f"{other[column].min():.2f} to {other[column].max():.2f}" == shown


def test_all_models_on_digits_have_areas_and_rows_are_of_committed_code() -> None:
    counts = OUTSIDE.groupby(["outside", "model"]).size()
    assert len(counts) == 12
    assert len(re.findall(r"to \S+ by typicality", TEXT)) == 6
    assert (counts == 3).all()
    assert not pd.concat([OUTSIDE["git_commit"], REDRAWN["git_commit"]]).str.endswith("+").any()


def test_what_the_longer_search_took_back_is_no_longer_told_apart() -> None:
    apart = BEHIND["told_apart"]
    assert apart["as committed", "cnf_fast"]
    assert not apart["cnf_fast searched for alone", "cnf_fast"]
    assert not apart["cnf_fast searched for alone, five folds", "cnf_fast"]
    assert not apart["cnf_fast and realnvp searched for", "cnf_fast"]
    assert not apart["realnvp searched for alone", "realnvp"]
    others = apart["cnf_fast searched for alone"].drop(["cnf_fast", "vae"])
    assert others.all()
    assert set(others.index) == {"cnf", "gmm", "gaussian"}
    assert apart["cnf_fast searched for alone, five folds", "gmm"]
