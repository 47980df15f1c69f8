"""The sentence at the head of a page, for each data set that names a best."""

from bench.record.warnings import UNBOUNDED
from bench.report.ranking import differences
from bench.report.verdict import first_names, verdicts
from tests.report.test_ranking import runs_of, summarised

TRAINED = {"matched_to": "steps=1", "rung": 1.0, "setting": "tuned"}
FLOOR = {"matched_to": None, "rung": 1.0, "setting": "default=tuned"}


def said(*groups) -> list[str]:
    cells, test_sets = summarised(*groups)
    return verdicts(cells, differences(cells, test_sets))


def test_a_winner_and_who_is_above_the_floor_are_named() -> None:
    (line,) = said(
        runs_of("cnf", 2.5, **TRAINED), runs_of("realnvp", 3.5, **TRAINED), runs_of("gaussian", 3.0, **FLOOR)
    )
    assert line.startswith("toy: cnf has the lowest test NLL of those tuned, 2.")
    assert "told apart from every other model." in line
    assert line.endswith("Not shown to be better than the floor: realnvp.")


def test_those_that_are_not_told_apart_are_named() -> None:
    (line,) = said(runs_of("cnf", 2.5, **TRAINED), runs_of("vae", 2.5, **TRAINED), runs_of("gmm", 3.0, **FLOOR))
    assert "not told apart from it: " in line
    assert "floor" not in line


def test_none_is_first_where_a_likelihood_grows_without_bound() -> None:
    tied = {**TRAINED, "warning": f"x has ties, {UNBOUNDED}: round it"}
    (line,) = said(runs_of("cnf", 2.5, **tied), runs_of("realnvp", 3.5, **tied))
    assert line == "toy: columns have ties, where a likelihood grows without bound; none is first."


def test_the_largest_budget_is_the_one_that_is_said() -> None:
    (line,) = said(
        runs_of("cnf", 2.0, **{**TRAINED, "rung": 0.25}), runs_of("maf", 2.5, **{**TRAINED, "rung": 0.25}),
        runs_of("cnf", 2.4, **TRAINED), runs_of("maf", 2.2, **TRAINED),
    )  # fmt: skip
    assert "maf has the lowest" in line


def test_untuned_entries_of_a_study_that_is_to_be_tuned_have_no_verdict() -> None:
    untuned = {**TRAINED, "setting": "default", "untuned": True}
    assert said(runs_of("cnf", 2.5, **untuned), runs_of("maf", 3.0, **untuned)) == []


def test_no_best_is_named_while_one_of_the_entries_is_not_tuned() -> None:
    untuned = {**TRAINED, "setting": "default", "untuned": True}
    groups = [runs_of("cnf", 2.5, **TRAINED), runs_of("maf", 3.0, **TRAINED)]
    assert said(*groups, runs_of("cnf", 2.6, **untuned))
    assert said(*groups, runs_of("nsf", 3.5, **untuned)) == []


def test_a_model_measured_on_other_examples_is_said_to_stand_apart() -> None:
    """Such as the rows of another file under one name: a lower mean than the first's need not be better."""
    elsewhere = {**TRAINED, "test_hash": "89abcdef"}
    (line,) = said(runs_of("cnf", 2.5, **TRAINED), runs_of("maf", 3.5, **TRAINED), runs_of("nsf", 1.0, **elsewhere))
    assert line.startswith("toy: models were measured on different test examples; among those on the same ones cnf has")
    assert "not compared with all others" in line


def test_of_groups_that_do_not_compare_each_has_its_first() -> None:
    elsewhere = {**TRAINED, "test_hash": "89abcdef"}
    (line,) = said(
        *(runs_of(name, nll, **TRAINED) for name, nll in (("cnf", 2.5), ("maf", 3.5), ("vae", 4.5))),
        *(runs_of(name, nll, **elsewhere) for name, nll in (("nsf", 1.0), ("realnvp", 2.0))),
    )
    assert line.startswith("toy: none is first of all, measured as they were on different test examples. Of 3 that")
    assert "Of 3 that compare, cnf has the lowest" in line
    assert "Of 2 that compare, nsf has the lowest" in line


def test_of_many_names_the_first_few_are_said() -> None:
    assert first_names(list("abcdef")) == "a, b, c, d, e, f"
    assert first_names(list("abcdefg")) == "a, b, c, d, e and 2 more"
