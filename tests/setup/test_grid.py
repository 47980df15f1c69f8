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


@pytest.mark.parametrize("typed", ["data=circles", "data=digits,circles", "model=nsf"])
def test_a_value_that_the_grid_does_not_list_replaces_the_axis(typed: str) -> None:
    name, _, values = typed.partition("=")
    for words in cells(typed):
        assert any(f"{name}={value}" in words for value in values.split(","))
    assert {frozenset(words) for words in cells(typed) if "eval.estimator=refined" in words}
    assert {frozenset(words) for words in cells(typed) if "budget.parameters=5000" in words}


def test_data_and_a_model_that_no_product_has_together_replace_the_model() -> None:
    (found,) = cells("data=digits", "model=maf", "seed=0")
    assert found == {"data=digits", "model=maf", "eval.estimator=refined", "seed=0"}


def test_the_digits_of_quick_are_its_own_products() -> None:
    grid, words = compose(["study=quick"]).grid, ["study=quick", "data=digits"]
    found = expand(words, grid, multirun=False)
    assert found
    assert not [cell for cell in found if any(word.startswith("budget.parameters=") for word in cell)]
