from dataclasses import replace

import pytest
import torch

from bench.speed.cases import realnvp_against_nflows, vae_against_pythae
from bench.speed.cases.compiled_steps import compiled_steps
from bench.speed.cases.realnvp_against_nflows import step_time
from bench.speed.cases.vae_against_pythae import COMPILED, samples_per_second
from bench.speed.figure import Target
from bench.speed.interleave import Effort
from bench.speed.loops import endless

CPU = torch.device("cpu")
SHORT = Effort(seconds=0, rounds=2)


def test_a_compiled_flow_is_timed_beside_the_eager_one_of_nflows() -> None:
    small = ["model=realnvp", "model.layers=1", "budget.parameters=2000", "train.validate_every=2"]
    figure = step_time(endless([*small, "data=8gaussians", "compile=step"]), CPU, SHORT, Target(1 / 1.5))
    assert figure.what == "realnvp on 8gaussians, compile=step: step"
    assert figure.compile_seconds is not None
    assert figure.compile_seconds > 0
    assert figure.ratio is not None


def test_a_compiled_vae_is_timed_beside_pythaes(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pythae.trainers", reason="pythae is an extra: pip install pythae")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    pair = replace(COMPILED[0], options=("width=32",), compile="step", batch_size=8)
    config = pair.config()
    config.train.validate_every = 2
    (figure,) = samples_per_second({pair: config}, CPU, SHORT)
    assert figure.what == "vae, compile=step, batch 8: training samples"
    assert figure.compile_seconds is not None
    assert figure.ratio is not None


def test_all_comparisons_are_of_one_case_and_one_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    monkeypatch.setattr(
        realnvp_against_nflows, "step_time", lambda config, *_: modes.append(config.compile) or figure(config)
    )
    monkeypatch.setattr(
        vae_against_pythae, "samples_per_second", lambda configs, *_: [figure(c) for c in configs.values()]
    )
    figures = list(compiled_steps(CPU, SHORT))
    assert modes == ["step", "step"]
    assert {each.case for each in figures} == {"compiled"}
    assert len(figures) == len(COMPILED) + len(realnvp_against_nflows.DATA)


def figure(config):
    from bench.speed.figure import Figure

    assert config.compile == "step"
    return Figure("other", config.model["name"], "s", 1.0)
