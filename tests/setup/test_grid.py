import pytest

from bench.setup.compose import compose
from bench.setup.grid import expand

GRID = [
    {"data": ["digits"], "model": ["vae", "cnf"], "eval.estimator": ["refined"], "seed": [0, 1]},
    {"data": ["moons", "rings"], "model": ["vae", "maf"], "budget.parameters": [5000], "seed": [0, 1]},
]


def cells(*words: str, multirun: bool = True) -> list[set[str]]:
    return [set(cell) for cell in expand(words, GRID, multirun=multirun)]


def test_data_of_the_grid_choose_its_products_with_what_belongs_to_them() -> None:
    assert cells("data=digits", "seed=3", multirun=False) == [
        {"data=digits", "model=vae", "eval.estimator=refined", "seed=3"},
        {"data=digits", "model=cnf", "eval.estimator=refined", "seed=3"},
    ]
    assert cells("data=rings", "model=maf", "seed=0") == [
        {"data=rings", "model=maf", "budget.parameters=5000", "seed=0"}
    ]


def test_a_model_of_one_product_alone_leaves_the_others_out() -> None:
    assert {cell for words in cells("model=cnf") for cell in words if cell.startswith("data=")} == {"data=digits"}
    found = cells("model=vae,maf", "seed=0")
    assert [sorted(words)[0] for words in found].count("budget.parameters=5000") == 4
    assert len(found) == 5


def test_a_value_that_the_grid_does_not_list_stands_in_for_the_first_that_it_does() -> None:
    """Digits and the VAE are the first here."""
    assert cells("data=circles", "model=vae", "seed=0") == [
        {"data=circles", "model=vae", "eval.estimator=refined", "seed=0"}
    ]
    assert cells("model=nsf", "seed=0") == [
        {"data=digits", "model=nsf", "eval.estimator=refined", "seed=0"},
        {"data=moons", "model=nsf", "budget.parameters=5000", "seed=0"},
        {"data=rings", "model=nsf", "budget.parameters=5000", "seed=0"},
    ]
    found = cells("data=rings,circles", "model=maf,vae", "seed=0")
    assert {word for words in found for word in words if word.startswith("data=")} == {"data=rings", "data=circles"}
    assert len(found) == 3


def test_a_stranger_takes_none_of_the_options_of_the_one_it_stands_in_for() -> None:
    grid = [{"data": ["digits"], "data.fold": [1], "model": ["cnf"], "model.solver": ["rk4"], "seed": [0]}]
    assert [set(cell) for cell in expand(["model=vae"], grid, multirun=False)] == [
        {"data=digits", "data.fold=1", "model=vae", "seed=0"}
    ]
    assert [set(cell) for cell in expand(["data=moons"], grid, multirun=False)] == [
        {"data=moons", "model=cnf", "model.solver=rk4", "seed=0"}
    ]


def test_quotes_around_a_value_change_nothing() -> None:
    assert cells("data='digits'", "seed=0") == cells("data=digits", "seed=0")


def test_data_and_a_model_that_no_product_has_together_stand_in() -> None:
    (found,) = cells("data=digits", "model=maf", "seed=0")
    assert found == {"data=digits", "model=maf", "eval.estimator=refined", "seed=0"}


@pytest.mark.parametrize("words", [["model=nsf"], ["data=moons"], ["model=nsf", "data=moons"]])
def test_quick_takes_a_model_and_data_that_it_does_not_list(words: list[str]) -> None:
    asking = compose(["study=quick", *words])
    found = expand(["study=quick", *words], asking.grid, multirun=False, ladder=asking.budget.ladder)
    runs = [tuple(word for word in cell if not word.startswith("eval.")) for cell in found]
    assert len(set(runs)) == len(runs), "a run stands there with two evaluations"
    for cell in found:
        compose(cell)


def test_the_digits_of_quick_are_its_own_products() -> None:
    grid, words = compose(["study=quick"]).grid, ["study=quick", "data=digits"]
    found = expand(words, grid, multirun=False)
    assert found
    assert not [cell for cell in found if any(word.startswith("budget.parameters=") for word in cell)]
