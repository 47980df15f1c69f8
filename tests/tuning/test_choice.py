from bench.tuning.choice import (
    Choice,
    asked_of_each,
    best,
    choice_of,
    ends,
    name_of,
    short_options,
    shortfalls,
    transferred,
    widened,
)
from bench.tuning.file import OTHER_CODE
from bench.tuning.space import rates
from tests.tuning.helpers import trial

GRID = rates()


def test_the_lowest_is_chosen_and_of_equal_ones_the_first() -> None:
    trials = [trial(0.001, 2.0), trial(0.002, 1.5), trial(0.005, 1.5)]
    assert best(trials) is trials[1]


def test_only_a_trial_that_ended_ok_is_chosen() -> None:
    """A diverged trial may have validated well before."""
    bad = [trial(0.01, 0.1, status="diverged"), trial(0.02, 0.2, status="failed"), trial(0.03, 0.3, status="timeout")]
    assert best([*bad, trial(0.001, 9.0)]) == trial(0.001, 9.0)
    assert best(bad) is None
    assert best([]) is None


def test_a_negative_likelihood_is_lower_than_a_positive_one() -> None:
    assert best([trial(0.001, 0.0), trial(0.002, -3.0), trial(0.005, 2.0)]) == trial(0.002, -3.0)


def test_the_knob_is_part_of_what_is_chosen() -> None:
    chosen = best([trial(0.001, 2.0), trial(0.001, 1.0, knob="gain", value="4.0")])
    assert chosen is not None
    assert choice_of(chosen) == Choice(0.001, "gain", "4.0")


def test_a_best_rate_at_an_end_is_met() -> None:
    low = [trial(rate, rate) for rate in GRID]
    high = [trial(rate, -rate, model="other") for rate in GRID]
    inner = [trial(rate, abs(rate - GRID[2]), model="third") for rate in GRID]
    lowest, highest = ends({one[0].subject: one for one in (low, high, inner)}, GRID)
    assert lowest == [low[0].subject]
    assert highest == [high[0].subject]


def test_a_diverged_end_is_no_best_one() -> None:
    trials = [*[trial(rate, -rate) for rate in GRID[:-1]], trial(GRID[-1], None, status="diverged")]
    assert ends({trials[0].subject: trials}, GRID) == ([], [])


def test_a_wider_grid_is_asked_of_each() -> None:
    trials = [trial(rate) for rate in GRID]
    assert widened(trials) == (False, False)
    assert asked_of_each(trials) == 8
    wider = [*trials, trial(rates(above=True)[-1], model="other")]
    assert widened(wider) == (False, True)
    assert asked_of_each(wider) == 9
    assert widened([trial(rates(above=True)[-1], mark=OTHER_CODE)]) == (False, False)


def test_fewer_trials_than_asked_are_said_and_a_diverged_one_counts() -> None:
    full = [trial(rate) for rate in GRID] + [trial(0.1, None, status="diverged"), trial(0.2)]
    few = [trial(rate, model="other") for rate in GRID] + [trial(0.1, None, status="failed", model="other")]
    assert shortfalls(full, 8) == []
    (line,) = shortfalls([*full, *few], 8)
    assert line.startswith("moons other: 6 of 8 trials (1 failed)")


def test_data_that_are_not_tuned_on_take_the_median_of_the_others() -> None:
    choices = {
        ("a", None, "flow", ""): Choice(0.001, "gain", "4.0"),
        ("b", None, "flow", ""): Choice(0.01),
        ("c", None, "flow", ""): Choice(0.02, "gain", "4.0"),
        ("c", None, "other", ""): Choice(0.05),
    }
    assert transferred(choices, "flow", "") == Choice(0.01, "gain", "4.0")
    two = {key: choice for key, choice in choices.items() if key[0] != "c"}
    assert transferred(two, "flow", "") == Choice(0.00316, "gain", "4.0")
    assert transferred(choices, "vae", "") is None


def test_names_say_no_more_than_tells_entries_apart() -> None:
    assert name_of(("digits", 2, "vae", "model.beta=4.0")) == "digits, fold 2, vae (model.beta=4.0)"
    same = [trial(rate, options="budget.steps=5") for rate in GRID]
    assert {one.options for one in short_options(same)} == {""}
    two = [trial(0.001, options="budget.steps=5 model.beta=4.0"), trial(0.001, options="budget.steps=5")]
    assert [one.options for one in short_options(two)] == ["model.beta=4.0", ""]
