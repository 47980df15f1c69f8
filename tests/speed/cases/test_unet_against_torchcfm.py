import sys

import pytest
import torch

from bench.speed.cases.unet_against_torchcfm import MODES, step_time, unet_against_torchcfm
from bench.speed.interleave import Effort
from bench.speed.loops import endless

CPU = torch.device("cpu")


def test_a_shrunk_comparison_gives_a_figure(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))  # random pixels in place of MNIST's
    pytest.importorskip("torchcfm.models.unet", reason="not there: pip install --no-deps torchcfm==1.0.7 pot")
    small = ["model=flow_matching_unet", "train.batch_size=8", "train.validate_every=2"]
    figure = step_time(endless(["data=mnist", *small]), CPU, Effort(seconds=0, rounds=2), channels=32)
    assert figure.ours is not None
    assert figure.theirs is not None
    assert figure.ratio is not None
    assert figure.ratio.median > 0


def test_without_torchcfm_the_figures_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchcfm", None)
    monkeypatch.setitem(sys.modules, "torchcfm.conditional_flow_matching", None)
    figures = list(unet_against_torchcfm(CPU, Effort(seconds=0, rounds=1)))
    assert len(figures) == len(MODES)
    assert all(figure.ours is None and "pip install --no-deps torchcfm" in figure.note for figure in figures)
