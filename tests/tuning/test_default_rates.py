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


FLOWS = ["cnf", "cnf_fast", "flow_matching", "flow_matching_ml", "maf", "nsf", "nsf_ar", "realnvp"]
LATENTS = [
    "ae",
    "ae_expost",
    "ae_moment",
    "gan",
    "gmvae",
    "m2",
    "svae",
    "vae_flowprior",
    "vae_iaf",
    "vae_latent",
    "vampprior",
]
TUNED_ON = (
    dict.fromkeys(FLOWS, ("flows", 5))
    | dict.fromkeys(LATENTS, ("latent", 5))
    | dict.fromkeys(("iwae", "vae"), ("tables", 6))
)
"""The study whose trials an entry's rate is of, and on how many folds or data sets they chose."""


def test_the_flows_but_one_and_most_with_latents_have_rates_of_their_own() -> None:
    assert sorted(TUNED_ON) == OWN


@pytest.mark.parametrize("name", OWN)
def test_a_rate_is_the_median_of_those_that_trials_chose(name: str) -> None:
    """Those of `flows` were chosen by trials of before, which its trials since need not repeat on every fold."""
    study, count = TUNED_ON[name]
    trials = [trial for trial in read(ROOT / "results" / study) if trial.model == name]
    chosen = [trial.learning_rate for trial in trials if trial.mark == CHOSEN]
    assert len(chosen) == count
    near = [statistics.median(chosen)] if study != "flows" else chosen
    assert RATES[name] in {float(f"{rate:.1g}") for rate in near}


def test_the_reference_lists_the_rates() -> None:
    text = (ROOT / "bench" / "models" / "README.md").read_text()
    lines = re.findall(r"^- (0\.\d+): (`.+`)$", text, re.MULTILINE)
    listed = {name: float(rate) for rate, names in lines for name in re.findall(r"`(\w+)`", names)}
    assert listed == {name: RATES[name] for name in OWN}
