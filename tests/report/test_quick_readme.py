"""Numbers in the README of `quick` that stand unmarked: counts of trials, and what one rate loses at other budgets."""

import re

import pandas as pd
import pytest

from tests.helpers import ROOT

QUICK = ROOT / "results" / "quick"
TEXT = " ".join((QUICK / "README.md").read_text().split())
TRIALS = pd.read_csv(QUICK / "tuning.csv")
SEARCHED = pd.read_csv(QUICK / "searched.csv")
BEHIND = pd.read_csv(QUICK / "searched_differences.csv").set_index(["comparison", "model"])["told_apart"]


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


def test_what_the_longer_search_took_back_is_no_longer_told_apart() -> None:
    assert BEHIND["as committed", "cnf_fast"]
    assert not BEHIND["cnf_fast searched for alone", "cnf_fast"]
    assert not BEHIND["cnf_fast searched for alone, five folds", "cnf_fast"]
    assert BEHIND["cnf_fast and realnvp searched for", "cnf_fast"]
    assert not BEHIND["realnvp searched for alone", "realnvp"]
    others = BEHIND["cnf_fast searched for alone"].drop("cnf_fast")
    assert others.all()
    assert set(others.index) == {"cnf", "gmm", "gaussian", "vae"}
    assert BEHIND["cnf_fast searched for alone, five folds", "gmm"]
