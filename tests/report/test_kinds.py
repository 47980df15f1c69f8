"""Answers by kind of data: older versions stand apart, and families are counted by how sure they are behind."""

from bench.report.cards import Card, Nearest
from bench.report.families import Cost, Gap, Standing
from bench.report.kinds import FITTED, OTHER, by_kind, columns_of, in_column, of_several, tally
from bench.report.overview import DENSITIES, DIGITS, KINDS, TABLES, Answer, Overview

NO_COST = Cost("", "", "")
FIRST = "Take, by likelihood: {0}, first for sure on 1 of 1 data set. Behind for sure: {1} on 1 of 1."


def standing(family: str, told_apart: bool | None = None, *, model: str = "", is_floor: bool = False) -> Standing:
    """A family; `told_apart` None is that of the first."""
    gap = None if told_apart is None else Gap(model or family, family, "1.0 ± 0.1", told_apart, tested=True)
    return Standing(family, model or family, gap, [], [], is_floor, NO_COST)


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
        "Undecided. Lowest mean, of 3 data sets: flow on 2 (sure on 1), VAE on 1. Behind for sure: VAE on 1 of 2, "
        "flow on 1 of 1. Never told apart: ODE flow."
    )
    assert tally(answers[1:2]) == ("Undecided. Lowest mean, of 1 data set: flow on 1. Never told apart: VAE, ODE flow.")
    assert tally(answers[3:]) == ""
    assert tally([answer("e", standing("VAE"))]) == "", "no other family was compared"


def test_a_data_set_of_two_studies_counts_once() -> None:
    small, large = (answer("a", standing(name), standing("GAN", True)) for name in ("VAE", "flow"))
    large = large._replace(card=large.card._replace(others=9))
    kind = by_kind([Overview("s", answers=[small]), Overview("t", answers=[large])], [DIGITS])[0]
    assert len(kind.current) == 2
    assert kind.sentence.startswith("Take, by likelihood: flow, first for sure on 1 of 1 data set.")


def test_one_data_set_in_short_names_the_margin_the_cost_and_whose_samples_are_nearest() -> None:
    one = answer("a", standing("flow", model="nsf"), standing("VAE", True))
    card = one.card._replace(
        next_family=Gap("vae", "VAE", "2.0 ± 0.1", told_apart=True, tested=True),
        cost=Cost("9.1 s", "", "", 9.1),
        samples=Nearest("feature Fréchet", "vae", "1.0", "2.0"),
    )
    (kind,) = by_kind([Overview("s", answers=[one._replace(card=card)])], [DIGITS])
    assert kind.short == (
        "sure",
        "flow (nsf), 2.0 ± 0.1 nats before the next family (VAE, vae); 9.1 s of training. Nearest samples: vae.",
    )
    (nothing,) = by_kind([Overview("s", answers=[answer("a", standing("VAE"))])], [DIGITS])
    assert nothing.short is None, "no other family was compared"


def test_several_data_sets_in_short_count_the_families() -> None:
    cards = [
        answer("a", standing("flow"), standing("VAE", True)).card._replace(cost=Cost("2 s", "", "", 2.0)),
        answer("b", standing("flow"), standing("VAE", False), state="undecided").card._replace(
            cost=Cost("4 s", "", "", 4.0)
        ),
        answer("c", standing("gmm", is_floor=True), standing("VAE", True), state="undecided").card._replace(
            is_floor=True
        ),
    ]
    assert of_several(cards) == (
        "undecided",
        "lowest mean, of 3 data sets: flow on 2 (sure on 1; 2 to 4 s of training), fitted reference on 1.",
    )
    assert of_several([cards[0], cards[0], cards[2]]).state == "sure", "of more than half"


def test_columns_that_no_data_set_fills_are_left_out() -> None:
    plain = by_kind([Overview("s", answers=[answer("a", standing("VAE"))])], KINDS)
    assert columns_of(plain) == ["VAE", "flow", "ODE flow"]
    more = by_kind([Overview("s", answers=[answer("a", standing("GAN"))])], KINDS)
    assert columns_of(more) == ["VAE", "flow", "ODE flow", OTHER]


def test_older_versions_stand_apart_and_speak_where_there_are_no_others() -> None:
    new, old = (answer("a", standing(one), standing("GAN", True), older=one == "VAE") for one in ("flow", "VAE"))
    only = answer("b", standing("VAE"), standing("flow", True), kind=DENSITIES, older=True)
    kinds = {kind.name: kind for kind in by_kind([Overview("s", answers=[old, new, only])], KINDS)}
    assert [found.card.family for _, found in kinds[DIGITS].current] == ["flow"]
    assert [found.card.family for _, found in kinds[DIGITS].older] == ["VAE"]
    assert kinds[DIGITS].sentence == FIRST.format("flow", "GAN")
    assert kinds[DENSITIES].sentence == "Only older versions. " + FIRST.format("VAE", "flow")
    assert kinds[TABLES].sentence == "No study here compares families on such data."


def test_each_family_has_its_column_and_the_rest_share_one() -> None:
    families = [standing("GAN"), standing("autoencoder", True), standing("reference", True, is_floor=True)]
    one = answer("a", *families)
    assert in_column(one, OTHER) == families[0], "the nearest of several"
    assert in_column(one, FITTED) == families[2]
    assert in_column(one, "VAE") is None
