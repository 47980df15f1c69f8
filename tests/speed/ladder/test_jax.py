"""The JAX rows, each in its process; nothing here imports JAX."""

import sys

import numpy as np
import pytest
import torch

from bench.speed.cnf_problem import next_batches
from bench.speed.ladder.parity import SEED, gap
from bench.speed.ladder.rows import BY_HAND, ROWS, Row
from bench.speed.rivals.jax_method import JaxMethod, ProcessEnded, process_environment
from tests.speed.ladder.helpers import CPU, strong_weights, tiny

JAX_ROWS = [row for row in ROWS if row.library == "JAX"]


@pytest.fixture(scope="module", params=JAX_ROWS, ids=lambda row: row.key)
def started(request: pytest.FixtureRequest):
    row: Row = request.param
    if row.missing(CPU):
        pytest.skip(str(row.missing(CPU)))
    problem = tiny()
    method = row.start(problem)
    assert isinstance(method, JaxMethod)
    yield row, problem, method
    method.close()
    assert method.process.returncode == 0


def test_its_loss_gradient_and_steps_are_ours(started) -> None:
    row, problem, method = started
    weights, batches = strong_weights(), next_batches(problem.batches(1), 3)
    error = gap(row, method, problem, weights, batches[0])
    assert error is not None
    # On the grid the four steps' own error, else that of a tolerance of 1e-5; see test_parity.
    assert error < (2e-3 if row.key == "jax-rk4" else 2e-4)
    if row.key == "jax-rk4":
        ours = BY_HAND.start(problem)
        ours.load(weights, SEED)
        ours.begin()
        # The same grid in single precision.
        assert method.loss(batches[0]) == pytest.approx(ours.loss(batches[0]), rel=1e-5)
        for name, parameter in ours.field.named_parameters():
            torch.testing.assert_close(method.gradient[name], parameter.grad, rtol=1e-3, atol=1e-5)
        for one in (method, ours):
            one.take(batches)
            one.begin()
            one.run()
        for name, value in ours.weights().items():
            # Three steps of Adam at 2e-3: where a gradient is near 0, rounding decides part of a step.
            torch.testing.assert_close(method.weights()[name], value, rtol=0, atol=1e-4)


def test_it_compiles_once_begins_anew_and_counts_its_work(started) -> None:
    row, problem, method = started
    weights = strong_weights()
    method.load(weights, 0)
    method.take(next_batches(problem.batches(1), 2))
    method.begin()
    seconds = method.compile()
    assert seconds is not None
    assert seconds > 0
    work = method.work()
    assert work.evaluations is not None
    assert work.evaluations == 16 if row.key == "jax-rk4" else work.evaluations % 6 == 2
    assert work.flops > 0
    method.run()
    assert not np.allclose(method.weights()["bias"], weights["bias"])
    method.begin()
    for name, value in method.weights().items():
        torch.testing.assert_close(value, weights[name], rtol=0, atol=0)


def test_a_process_that_cannot_work_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.speed.rivals.jax_method.MODULE", "bench.speed.ladder.absent")
    with pytest.raises(ProcessEnded, match="No module named"):
        JaxMethod("rk4", tiny())


@pytest.mark.parametrize(("threads", "flag"), [(1, True), (2, False)])
def test_one_thread_stays_one(threads: int, flag: bool) -> None:
    found = process_environment("cpu", threads)
    assert ("xla_cpu_multi_thread_eigen=false" in found["XLA_FLAGS"]) == flag
    assert found["OMP_NUM_THREADS"] == str(threads)
    assert found["JAX_PLATFORMS"] == "cpu"
    assert found["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"  # torch needs the rest of a GPU's memory


def test_jax_is_in_no_process_of_ours() -> None:
    assert "jax" not in sys.modules
    assert "diffrax" not in sys.modules
