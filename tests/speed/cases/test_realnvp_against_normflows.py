import sys

import pytest
import torch

from bench.models.realnvp import LOG_SCALE_BOUND, RealNVP
from bench.setup.match import parameter_count
from bench.spec import DataSpec
from bench.speed.cases.realnvp_against_normflows import step_time
from bench.speed.interleave import Effort
from bench.speed.loops import endless

CPU = torch.device("cpu")


@pytest.fixture
def normflows_flow():
    pytest.importorskip("normflows", reason="normflows is an extra: pip install normflows")
    from bench.speed.rivals import normflows_flow

    return normflows_flow


def shrunk():
    return endless(["model=realnvp", "data=digits", "budget.parameters=8000", "train.validate_every=3"])


def test_without_the_documented_differences_its_likelihood_is_ours(normflows_flow) -> None:
    # Small last layers keep log-scales where the clamp is the identity; they and the shifts take turns in theirs.
    ours = RealNVP(DataSpec((6,)), width=80, layers=4, mixing="actnorm")
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            parameter += (0.01 if "last" in name else 0.1) * torch.randn_like(parameter)
    theirs = normflows_flow.same_layers(ours)
    assert parameter_count(theirs) == parameter_count(ours)
    with torch.no_grad():
        for layer in theirs.flows:
            if hasattr(layer, "flows"):
                undo_documented_differences(layer.flows[1])
    x = torch.randn(50, 6)
    # In training mode, as timed: a layer that looks at its batch first would show. Single precision, a few layers deep.
    torch.testing.assert_close(normflows_flow.loss(theirs, x), ours.loss(x).mean(), rtol=1e-4, atol=1e-5)
    assert float(ours.loss(x).detach().std()) > 0.1


def undo_documented_differences(coupling) -> None:
    """Our reading of what a conditioner gives, a ReLU before its last layer and our clamp with it."""
    net = coupling.param_map
    net.final_layer = torch.nn.Sequential(torch.nn.ReLU(), net.final_layer)

    def interleaved(x: torch.Tensor) -> torch.Tensor:
        raw, shift = net(x).chunk(2, 1)
        scale = LOG_SCALE_BOUND * torch.tanh(raw / LOG_SCALE_BOUND)
        # Ours: y = x e^s + t; theirs: y = (x - t') e^-s'.
        return torch.stack((-shift * torch.exp(-scale), -scale), 2).flatten(1)

    del coupling.param_map
    coupling.param_map = interleaved


def test_a_shrunk_comparison_gives_a_figure(normflows_flow) -> None:
    figure = step_time(shrunk(), CPU, Effort(seconds=0, rounds=2))
    assert figure.ours is not None
    assert figure.theirs is not None
    assert figure.ratio is not None
    assert figure.what == "realnvp on digits: step"


def test_without_normflows_the_figure_is_empty_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bench.speed.rivals.normflows_flow", raising=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "normflows"] + ["normflows"]:
        monkeypatch.setitem(sys.modules, name, None)
    figure = step_time(shrunk(), CPU, Effort(seconds=0, rounds=2))
    assert figure.ours is None
    assert "normflows" in figure.note
    assert "pip install normflows" in figure.note
