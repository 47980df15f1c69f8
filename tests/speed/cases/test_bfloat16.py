import pytest
import torch

from bench.models.parts.precision import computes_bfloat16
from bench.speed.cases import bfloat16
from bench.speed.interleave import Effort

CPU = torch.device("cpu")


@pytest.mark.skipif(not computes_bfloat16(CPU), reason="no instructions for bfloat16")
def test_a_shrunk_comparison_gives_a_figure(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))  # random pixels in place of MNIST's
    figure = bfloat16.step_time("vae_conv", "off", CPU, Effort(seconds=0, rounds=2), parameters=20_000)
    assert figure.ours is not None
    assert figure.theirs is not None
    assert figure.ratio is not None
    assert 0 < figure.ratio.median < 10
    assert figure.ours != figure.theirs


def test_without_instructions_nothing_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bfloat16, "computes_bfloat16", lambda device: False)
    figure = bfloat16.step_time("realnvp_conv", "off", CPU, Effort(seconds=0, rounds=1))
    assert (figure.ours, figure.note) == (None, "not timed: no instructions for bfloat16")
