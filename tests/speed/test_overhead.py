import pytest
import torch

from bench.speed.interleave import Effort
from bench.speed.loops import endless
from bench.speed.overhead import Round, shares
from bench.train import COUNT_EVERY

SHRUNK = ["budget.parameters=5000", "train.batch_size=32", "train.validate_every=3"]


@pytest.mark.parametrize("model", ["vae", "realnvp", "cnf"])
def test_each_model_gives_a_share_and_the_parts_it_consists_of(model: str) -> None:
    config = endless([f"model={model}", "data=digits", *SHRUNK])
    harness, *parts = shares(config, torch.device("cpu"), Effort(seconds=0, rounds=2))
    assert [figure.what for figure in parts] == [
        f"{model}: of it the batch", f"{model}: of it the FLOP count", f"{model}: of it the rest"
    ]  # fmt: skip
    assert harness.ratio is not None
    assert harness.ratio.high < 1
    assert harness.met in {"yes", "no"}
    assert harness.ours is not None
    assert harness.ours > 0
    batch = parts[0].ratio
    assert batch is not None
    assert 0 < batch.median < 1


def test_the_shares_of_a_round_of_known_seconds() -> None:
    # 100 steps of 10 ms, of which 9 ms are bare; a counted step takes 40 ms, 31 ms more than a bare one.
    one = Round(steps=100, plain=1.0, bare=0.9, batches=0.05, counted=0.04)
    whole = 1.0 + 0.031 / COUNT_EVERY
    assert one.harness == pytest.approx(1 - 0.9 / whole)
    assert one.batch == pytest.approx(0.05 / whole)
    assert one.flop_count == pytest.approx(0.031 / COUNT_EVERY / whole)
    assert one.rest == pytest.approx(0.05 / whole)
