from dataclasses import replace

import pytest
import torch

from bench.setup.compose import compose
from bench.speed.cases.overhead import Round, configurations, shares
from bench.speed.interleave import Effort
from bench.speed.loops import endless
from bench.training.flop_price import COUNT_EVERY

SHRUNK = ["budget.parameters=5000", "train.batch_size=32", "train.validate_every=3"]


@pytest.mark.parametrize("model", ["vae", "realnvp", "cnf"])
def test_each_model_gives_a_share_and_the_parts_it_consists_of(model: str) -> None:
    config = endless([f"model={model}", "data=digits", *SHRUNK])
    harness, *parts, check = shares(config, torch.device("cpu"), Effort(seconds=0, rounds=2))
    names = ["of it the batch", "of it the FLOP count", "of it the rest"]
    assert [figure.what for figure in parts] == [f"{model}, 5000 parameters: {name}" for name in names]
    assert check.what == f"{model}, 5000 parameters: check by bare steps in turn"
    assert harness.met in {"yes", "no"}
    assert harness.ours is not None
    assert harness.theirs is not None
    assert 0 < harness.theirs < harness.ours
    batch, rest = parts[0].ratio, parts[2].ratio
    assert batch is not None
    assert rest is not None
    assert batch.low > 0
    assert rest.low > 0


def test_the_budgets_are_those_of_the_study_quick_and_of_a_plain_run() -> None:
    quick, plain = compose(["study=quick", "model=cnf"]), compose(["model=cnf", "data=digits"])
    of_cnf = [config for config in configurations() if config.model["name"] == "cnf"]
    assert [config.budget.parameters for config in of_cnf] == [quick.budget.parameters, plain.budget.parameters]
    assert [config.budget.parameters for config in of_cnf] == [20_000, 50_000]
    assert [replace(config.train, validate_every=None) for config in of_cnf] == [quick.train, plain.train]
    assert {config.data["name"] for config in configurations()} == {"digits"}


def test_the_shares_of_a_round_of_known_seconds() -> None:
    # 100 steps of 10 ms, of which 9.1 ms are the trainer's; a counted step takes 40 ms, 31 ms more than a bare one.
    one = Round(steps=100, plain=1.0, bare=0.9, counted=0.04, trainer=0.91, batches=0.05)
    whole = 1.0 + 0.031 / COUNT_EVERY
    assert one.harness == pytest.approx(1 - 0.91 / whole)
    assert one.batch == pytest.approx(0.05 / whole)
    assert one.flop_count == pytest.approx(0.031 / COUNT_EVERY / whole)
    assert one.rest == pytest.approx(0.04 / whole)
    assert one.harness == pytest.approx(one.batch + one.flop_count + one.rest)
    assert one.difference == pytest.approx(1 - 0.9 / whole)
