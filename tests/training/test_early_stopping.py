from bench.training.early_stopping import is_best, out_of_patience
from bench.training.history import History


def test_the_best_value_is_noted_with_its_step_and_patience_runs_out_without_a_better_one() -> None:
    history = History()
    values = [3.0, 2.0, 2.0, 2.5]
    verdicts = []
    for step, value in enumerate(values, 1):
        history.step = step
        verdicts.append(is_best(history, value))
    assert verdicts == [True, True, False, False]
    assert (history.best_step, history.best_value, history.stale) == (2, 2.0, 2)
    assert out_of_patience(history, 2)
    assert not out_of_patience(history, 3)
    assert not out_of_patience(history, None)
