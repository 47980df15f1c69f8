import pytest

from bench.training.early_stopping import far_from_end, is_best, out_of_patience
from bench.training.history import History


def test_the_best_value_is_noted_with_its_step_and_patience_runs_out_without_a_better_one() -> None:
    history = History()
    values = [3.0, 2.0, 2.0, 2.5]
    verdicts = []
    for step, value in enumerate(values, 1):
        history.step = step
        verdicts.append(is_best(history, value, step / 10))
    assert verdicts == [True, True, False, False]
    assert (history.best_step, history.best_value, history.best_at) == (2, 2.0, 0.2)
    assert out_of_patience(history, 0.2, 0.4)
    assert not out_of_patience(history, 0.3, 0.4)
    assert not out_of_patience(history, None, 1.0)


def test_a_share_that_rounds_below_the_patience_counts_as_it() -> None:
    history = History(best_at=0.1)
    assert 0.3 - 0.1 < 0.2
    assert out_of_patience(history, 0.2, 0.3)


@pytest.mark.parametrize(("best_at", "said"), [(1.0, False), (0.8, False), (0.78, True), (0.02, True), (None, False)])
def test_best_weights_far_from_the_end_are_said(best_at: float | None, said: bool) -> None:
    line = far_from_end(best_at)
    assert (line is not None) == said
    assert not said or f"{100 * (best_at or 0):.0f} % of the budget" in str(line)
