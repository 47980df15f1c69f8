import pytest
import torch

from bench.metrics.compute import count_flops
from bench.speed.cnf_problem import next_batches
from bench.speed.ladder.fixed_grid import FixedGrid
from bench.speed.ladder.rows import BY_HAND, ROWS
from bench.speed.method import InProcess
from bench.speed.rivals.jax_method import flops
from tests.speed.ladder.helpers import CPU, strong_weights, tiny


@pytest.mark.parametrize("key", ["ffjord", "backprop", "by-hand", "grid-probe"])
def test_the_same_beginning_gives_the_same_end_and_steps_change_the_weights(key: str) -> None:
    (row,) = [row for row in ROWS if row.key == key]
    problem, weights = tiny(), strong_weights()
    method = row.start(problem)
    method.take(next_batches(problem.batches(1), 2))
    ends = []
    for _ in range(2):
        method.load(weights, 5)
        method.begin()
        method.run()
        ends.append(method.weights())
    assert ends[0].keys() == weights.keys()
    for name, value in weights.items():
        torch.testing.assert_close(ends[0][name], ends[1][name], rtol=0, atol=0)
        assert not torch.equal(ends[0][name], value)


def test_all_rows_take_adams_first_step_of_the_same_size() -> None:
    # Adam's first step is the learning rate times the gradient's sign, wherever the gradient is far above epsilon.
    problem, weights = tiny(), strong_weights()
    for row in ROWS:
        if row.missing(CPU) or row.library == "JAX" or row.key in {"compiled", "graph"}:
            continue
        method = row.start(problem)
        method.load(weights, 0)
        method.take(next_batches(problem.batches(1), 1))
        method.begin()
        method.run()
        steps = torch.cat([(method.weights()[name] - value).abs().flatten() for name, value in weights.items()])
        assert float(steps.median()) == pytest.approx(problem.setting.optimiser.learning_rate, rel=1e-3)


def test_work_is_what_a_step_computes_and_leaves_the_beginning_as_it_was() -> None:
    problem, weights = tiny(), strong_weights()
    method = BY_HAND.start(problem)
    assert isinstance(method, InProcess)
    method.load(weights, 0)
    method.take(next_batches(problem.batches(1), 1))
    work = method.work()
    assert work.evaluations == 16
    assert work.flops == count_flops(lambda: method.module.loss(method.batches[0]).mean().backward())
    method.begin()
    for name, value in method.weights().items():
        torch.testing.assert_close(value, weights[name], rtol=0, atol=0)


def test_the_formula_for_jax_is_the_count_of_the_same_computation() -> None:
    problem = tiny()
    x = next_batches(problem.batches(1), 1)[0]
    exact, probe = (FixedGrid(problem.new_field(), steps=4, probe=probe) for probe in (False, True))
    by_hand = BY_HAND.start(problem)
    assert isinstance(by_hand, InProcess)
    # Nobody needs the gradient of the batch, nor of the probe: of 16 evaluations' products less than one in ten.
    for objective, exact_times in ((by_hand.module, 9), (exact, 16), (probe, None)):
        counted = count_flops(lambda objective=objective: objective.loss(x).mean().backward())
        assert flops(16, len(x), 3, 16, exact_times) == pytest.approx(counted, rel=0.1)


def test_a_compiled_row_is_compiled_once_and_goes_on_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    # The compiler is another's, and slow: here it hands the function back.
    asked = []
    monkeypatch.setattr(torch, "compile", lambda function, **options: asked.append(options) or function)
    (row,) = [row for row in ROWS if row.key == "compiled"]
    problem, weights = tiny(), strong_weights()
    method, plain = row.start(problem), BY_HAND.start(problem)
    batches = next_batches(problem.batches(1), 3)
    for one in (method, plain):
        one.load(weights, 0)
        one.take(batches)
        one.begin()
    seconds = method.compile()
    assert seconds is not None
    assert asked == [{"fullgraph": True, "dynamic": False}]
    for one in (method, plain):
        one.run()
    for name, value in plain.weights().items():
        torch.testing.assert_close(method.weights()[name], value, rtol=0, atol=0)
    assert method.work().evaluations == 16
    assert len(asked) == 1


def test_a_graph_is_for_cuda_alone() -> None:
    (row,) = [row for row in ROWS if row.key == "graph"]
    assert row.missing(CPU) == "skipped: it needs --device cuda"
    assert row.missing(torch.device("cuda")) is None


def test_only_what_is_compiled_has_seconds_of_it() -> None:
    method = BY_HAND.start(tiny())
    assert method.compile() is None
