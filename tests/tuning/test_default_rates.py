"""The rates that entries come with: those that the committed trials chose."""

import re
import statistics

import pytest
import yaml

from bench.tuning.file import CHOSEN, read
from tests.helpers import ROOT

RATES = {
    path.stem: yaml.safe_load(path.read_text()).get("tuning", {}).get("learning_rate")
    for path in sorted((ROOT / "conf" / "model").glob("*.yaml"))
}
OWN = sorted(name for name, rate in RATES.items() if rate is not None)


def test_the_flows_but_one_have_rates_of_their_own() -> None:
    assert OWN == ["cnf", "cnf_fast", "flow_matching", "flow_matching_ml", "maf", "nsf", "nsf_ar", "realnvp"]


@pytest.mark.parametrize("name", OWN)
def test_a_rate_is_the_median_of_those_that_trials_on_digits_chose(name: str) -> None:
    trials = [trial for trial in read(ROOT / "results" / "flows") if trial.model == name]
    chosen = [trial.learning_rate for trial in trials if trial.mark == CHOSEN]
    assert len(chosen) == 5
    assert float(f"{statistics.median(chosen):.1g}") == RATES[name]


def test_the_reference_lists_the_rates() -> None:
    text = (ROOT / "bench" / "models" / "README.md").read_text()
    lines = re.findall(r"^- (0\.\d+): (`.+`)$", text, re.MULTILINE)
    listed = {name: float(rate) for rate, names in lines for name in re.findall(r"`(\w+)`", names)}
    assert listed == {name: RATES[name] for name in OWN}
