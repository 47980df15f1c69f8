"""Answers by kind of data: older versions stand apart, and families are counted by how sure they are behind."""

from bench.report.cards import Card
from bench.report.families import Cost, Gap, Standing
from bench.report.kinds import FITTED, OTHER, by_kind, in_column, tally
from bench.report.overview import DENSITIES, DIGITS, KINDS, TABLES, Answer, Overview

NO_COST = Cost("", "", "")


def standing(family: str, told_apart: bool | None = None, *, model: str = "", is_floor: bool = False) -> Standing:
    """A family; `told_apart` None is that of the first."""
    gap = None if told_apart is None else Gap(model or family, family, "1.0 ± 0.1", told_apart, tested=True)
    return Standing(family, model or family, gap, bool(told_apart), is_floor, NO_COST)


def answer(data: str, *families: Standing, state: str = "sure", kind: str = DIGITS, older: bool = False) -> Answer:
    first = families[0]
    card = Card(data, state, first=first.model, family=first.family, families=families)  # type: ignore[arg-type]
    return Answer(card, kind, "", older)


def test_families_are_counted_by_how_sure_they_are() -> None:
    answers = [
        answer("a", standing("flow"), standing("VAE", True), standing("ODE flow", False)),
        answer("b", standing("flow"), standing("VAE", False), standing("ODE flow", False), state="undecided"),
        answer("c", standing("VAE"), standing("flow", True), state="undecided"),
        Answer(Card("d", "open", "No two models."), DIGITS, "", False),
    ]
    assert tally(answers) == (
        "First: flow 2 of 3 (1 sure), VAE 1 of 3 (not sure). Behind for sure: VAE 1 of 2, flow 1 of 1. "
        "Not told apart: ODE flow."
    )
    assert tally(answers[3:]) == ""


def test_older_versions_stand_apart_and_speak_where_there_are_no_others() -> None:
    new, old = answer("a", standing("flow")), answer("a", standing("VAE"), older=True)
    only = answer("b", standing("VAE"), kind=DENSITIES, older=True)
    kinds = {kind.name: kind for kind in by_kind([Overview("s", answers=[old, new, only])], KINDS)}
    assert [found.card.family for _, found in kinds[DIGITS].current] == ["flow"]
    assert [found.card.family for _, found in kinds[DIGITS].older] == ["VAE"]
    assert kinds[DIGITS].sentence == "First: flow 1 of 1 (1 sure)."
    assert kinds[DENSITIES].sentence == "Only older versions. First: VAE 1 of 1 (1 sure)."
    assert kinds[TABLES].sentence == "No study here names a first on such data."


def test_each_family_has_its_column_and_the_rest_share_one() -> None:
    families = [standing("GAN"), standing("autoencoder", True), standing("reference", True, is_floor=True)]
    one = answer("a", *families)
    assert in_column(one, OTHER) == families[0], "the nearest of several"
    assert in_column(one, FITTED) == families[2]
    assert in_column(one, "VAE") is None
