"""The card of a data set: who is first, how sure that is, and what it says where nobody is."""

import pytest

from bench.record.steps import StepTime
from bench.record.warnings import UNBOUNDED
from bench.report.cards import Card, cards
from bench.report.ranking import differences
from bench.report.study import Study
from tests.report.test_ranking import runs_of, summarised

FLOW, ODE, REFERENCE = {"family": "flow"}, {"family": "ODE flow"}, {"family": "reference", "matched_to": None}


SWEPT = "train_seconds"


def step(run, milliseconds: float) -> StepTime:
    """The step time of a run, measured alone."""
    return StepTime(
        run["run_id"], run["data"], run["model"], 8, milliseconds, milliseconds, milliseconds, None, 300, "CPU", 1,
        False, "2026-01-01", None,
    )  # fmt: skip


def made(*groups, pictures=None) -> Card:
    cells, test_sets = summarised(*groups)
    study = Study("made", [], {}, {}, pictures or {}, test_sets)
    (card,) = cards(study, cells, differences(cells, test_sets))
    return card


def test_a_first_that_is_told_apart_from_every_other_is_sure() -> None:
    card = made(runs_of("maf", 2.5, **FLOW), runs_of("cnf", 3.5, **ODE), runs_of("nsf", 3.0, **FLOW))
    assert (card.state, card.first, card.family, card.others, card.near) == ("sure", "maf", "flow", 2, [])
    assert (card.next.model, card.next.told_apart) == ("nsf", True)
    assert (card.next_family.model, card.next_family.family) == ("cnf", "ODE flow")
    assert 0.4 < float(card.next.nats.split(" ±")[0]) < 0.6
    assert card.cost.training.endswith(" s")


def test_none_is_first_or_bold_where_a_likelihood_grows_without_bound() -> None:
    tied = {"warning": f"x has ties, {UNBOUNDED}: round it"}
    groups = runs_of("maf", 2.5, **FLOW, **tied), runs_of("cnf", 3.5, **ODE, **tied)
    card = made(*groups)
    assert (card.state, card.first, card.families) == ("open", "", ())
    assert "without bound" in card.why
    assert [cell.best for cell in summarised(*groups)[0] if not cell.oracle] == [False, False]


def test_equals_of_one_family_leave_the_family_sure() -> None:
    card = made(runs_of("maf", 2.5, **FLOW), runs_of("nsf", 2.5, **FLOW), runs_of("cnf", 3.5, **ODE))
    assert card.state == "family sure"
    assert {card.first, *card.near} == {"maf", "nsf"}
    assert card.next_family.model == "cnf"


def test_equals_of_two_families_are_undecided() -> None:
    card = made(runs_of("maf", 2.5, **FLOW), runs_of("cnf", 2.5, **ODE))
    assert (card.state, len(card.near)) == ("undecided", 1)
    assert card.next_family is None  # the second is it


def test_a_reference_that_is_first_is_said_to_be_one_with_the_first_trained() -> None:
    card = made(runs_of("gmm", 2.5, **REFERENCE), runs_of("gaussian", 2.8, **REFERENCE), runs_of("maf", 3.5, **FLOW))
    assert (card.first, card.is_floor, card.next.model) == ("gmm", True, "gaussian")
    assert card.next_family.model == "maf"


def test_a_loose_bound_is_not_tested_and_not_said_to_be_near() -> None:
    """However far behind its bound is, its likelihood may be that of the first."""
    loose = {"nll_is_bound": True, "nll_slack_nats": None, "family": "VAE"}
    card = made(runs_of("maf", 2.5, **FLOW), runs_of("cnf", 3.5, **ODE), runs_of("vae", 9.0, **loose))
    assert (card.state, card.near, card.untested) == ("undecided", [], ["vae"])
    flow, ode, vae = card.families
    assert (flow.untested, vae.gap.tested, ode.told_apart, vae.told_apart) == ([], False, True, False)


def test_training_costs_the_seconds_of_its_steps_alone_where_they_were_timed() -> None:
    cells, test_sets = summarised(runs_of("maf", 2.5, **FLOW), runs_of("cnf", 3.5, **ODE))
    (maf,) = [cell for cell in cells if cell.model == "maf"]
    timed = {run["run_id"]: step(run, milliseconds=4.0) for run in maf.runs}
    study = Study("made", [], {}, {}, {}, test_sets, steps=timed)
    (card,) = cards(study, cells, differences(cells, test_sets))
    seconds = 4.0 * maf.runs[0]["steps"] / 1000
    assert (card.cost.training, card.cost.seconds) == (f"{seconds:g} s", pytest.approx(seconds))
    swept = card.families[1].cost
    assert swept.seconds == pytest.approx(next(cell for cell in cells if cell.model == "cnf").intervals[SWEPT].mean)


def test_the_nearest_samples_are_those_of_the_lowest_mean_distance() -> None:
    near, far = {"sliced_w2": 0.1}, {"sliced_w2": 0.3}
    card = made(runs_of("maf", 2.5, **FLOW, **far), runs_of("cnf", 3.5, **ODE, **near))
    assert (card.samples.metric, card.samples.model) == ("sliced W2", "cnf")
    both = made(runs_of("maf", 2.5, **FLOW, **near, feature_frechet=2.0),
                runs_of("cnf", 3.5, **ODE, **far, feature_frechet=1.0))  # fmt: skip
    assert (both.samples.metric, both.samples.model) == ("feature Fréchet", "cnf")
    assert made(runs_of("maf", 2.5, sliced_w2=None), runs_of("cnf", 3.5, sliced_w2=None)).samples is None


def test_a_family_of_references_is_not_the_next_family() -> None:
    card = made(runs_of("maf", 2.5, **FLOW), runs_of("nsf", 2.7, **FLOW), runs_of("gmm", 2.9, **REFERENCE),
                runs_of("cnf", 3.5, **ODE))  # fmt: skip
    assert card.next_family.model == "cnf"


def test_bounds_turn_the_margin_into_one() -> None:
    bound = {"nll_is_bound": True, "nll_slack_nats": 0.01}
    behind = made(runs_of("maf", 2.5), runs_of("vae", 3.0, **bound))
    before = made(runs_of("vae", 2.5, **bound), runs_of("maf", 3.0))
    both = made(runs_of("vae", 2.5, **bound), runs_of("iwae", 3.0, **bound))
    assert [card.next.nats[:2] for card in (behind, before, both)] == ["≤ ", "≥ ", "~ "]
    assert [card.nll[:2] == "≤ " for card in (behind, before, both)] == [False, True, True]


def test_one_model_alone_and_untuned_ones_name_nobody() -> None:
    alone = made(runs_of("maf", 2.5))
    assert (alone.state, alone.first, alone.why) == ("open", "", "Fewer than two models have finished.")
    untuned = {"setting": "default", "untuned": True, "matched_to": "steps=1"}
    card = made(runs_of("maf", 2.5, **untuned), runs_of("cnf", 3.0, **untuned))
    assert (card.state, card.first) == ("open", "")
    assert "default rate" in card.why


def test_the_most_models_that_compare_are_shown_and_the_others_counted() -> None:
    elsewhere = {**ODE, "test_hash": "89abcdef"}
    card = made(
        runs_of("maf", 2.5, **FLOW), runs_of("nsf", 3.5, **FLOW), runs_of("vae", 4.5),
        runs_of("cnf", 1.0, **elsewhere), runs_of("ffjord", 2.0, **elsewhere),
    )  # fmt: skip
    assert (card.state, card.first, card.others, card.apart) == ("undecided", "maf", 2, 2)


def test_models_of_two_settings_name_nobody() -> None:
    older, newer = ({**FLOW, "matched_to": "steps=1", "setting": setting} for setting in ("", "default"))
    card = made(runs_of("maf", 2.5, **older), runs_of("cnf", 3.5, **older), runs_of("nsf", 2.4, **newer),
                runs_of("vae", 3.0, **newer))  # fmt: skip
    assert (card.state, card.first, card.why) == ("open", "", "Models meet in several settings.")


def test_a_family_stands_by_its_best_model_and_is_apart_where_all_of_it_are() -> None:
    card = made(
        runs_of("maf", 2.5, **FLOW), runs_of("nsf", 2.7, **FLOW),
        runs_of("cnf", 2.5, **ODE), runs_of("ffjord", 3.5, **ODE), runs_of("gmm", 3.9, **REFERENCE),
    )  # fmt: skip
    first, second, third = card.families
    assert first.gap is None
    assert {first.family, second.family} == {"flow", "ODE flow"}
    assert (second.gap.told_apart, second.told_apart) == (False, False)
    assert (third.model, third.told_apart, third.is_floor) == ("gmm", True, True)
    assert first.cost == card.cost


def test_a_card_has_the_commands_of_the_first() -> None:
    card = made(runs_of("maf", 2.5, **FLOW), runs_of("cnf", 3.5, **ODE))
    assert len(card.commands) == 3
    assert all(command.startswith("bench run") for command in card.commands)
